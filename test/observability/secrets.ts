import { randomBytes } from 'node:crypto';

/** In every secret that a run thinks up. */
const mark = `c4nary${randomBytes(5).toString('hex')}`;

/** Secrets of a run, each under where it goes in, or comes from: what is found of them anywhere is a leak. */
export class Secrets {
  private readonly values = new Map<string, string>();

  /** A new one. */
  of(place: string): string {
    const value = `${mark}.${place}`;
    this.values.set(value, place);
    return value;
  }

  /** One that Clarity has made. */
  add(place: string, value: string): string {
    if (value.length < 6) throw new Error(`${place} is no secret: ${value}`);
    this.values.set(value, place);
    return value;
  }

  get places(): string[] {
    return [...this.values.values()];
  }

  /** Where the secrets are from that a text tells, as they are or in another spelling. */
  toldBy(text: string): string[] {
    return [...this.values]
      .filter(([value]) => spellings(value).some((one) => text.includes(one)))
      .map(([, place]) => place);
  }
}

/** Its ends are cut off where they would be spelled together with what stands beside them. */
const base64 = (value: string): string[] =>
  [0, 1, 2].map((shift) =>
    Buffer.from('x'.repeat(shift) + value)
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  );

const spellings = (value: string): string[] => [value, encodeURIComponent(value), ...base64(value)];
