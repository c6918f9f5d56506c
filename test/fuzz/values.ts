import fc from 'fast-check';
import type { Random } from '../chaos/random.js';

/** JSON text that `JSON.stringify` would not write, in place of a value. */
export class Raw {
  constructor(readonly text: string) {}
}

const times = (count: number, text: string): string => text.repeat(count);

const nastyTexts = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\u202Egnp.exe',
  '‮\u2066',
  '\uFEFFa',
  'é'.normalize('NFD'),
  '👩‍👩‍👧‍👦',
  '𝕏'.repeat(200),
  'ﷺ'.repeat(100),
  'İ',
  'K',
  "'; DROP TABLE users; --",
  '$1',
  '%s%n',
  '${7*7}',
  '{{7*7}}',
  '<script>alert(1)</script>',
  '../../../etc/passwd',
  '\\',
  '"',
  '\r\nSet-Cookie: a=b',
  'null',
  'NaN',
  '-0',
  '0x10',
  '1e309',
  'infinity',
  '-infinity',
  '2030-02-30T00:00:00Z',
  '294277-01-01T00:00:00Z',
  '0000-01-01T00:00:00Z',
  '2016-12-31T23:59:60Z',
  '9999-12-31T23:59:59.999999999+14:00',
  'P1Y2M3DT4H5M6S',
  'P999Y9999M9999W99999D',
  'a@b',
  '"a b"@example.com',
  `${times(64, 'a')}@${times(60, 'b')}.com`,
  'mailto:a@example.com',
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  'platform_admin',
  '__proto__',
  'constructor',
];

const nastyRaws = [
  '1e400',
  '-1e400',
  '123456789012345678901234567890',
  '0.1e-400',
  '-0',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u0000"',
  '9007199254740993',
  `[${times(2_000, '0,')}0]`,
  `${times(14, '[')}${times(14, ']')}`,
  `${times(17, '[')}${times(17, ']')}`,
  `${times(5_000, '{"a":')}1${times(5_000, '}')}`,
  `"${times(100_001, 'x')}"`,
];

/** Values of every sort, drawn once from a seed: fast-check's, and those that have broken something somewhere. */
export class Values {
  private readonly texts: readonly string[];
  private readonly numbers: readonly number[];
  private readonly json: readonly unknown[];

  constructor(seed: number) {
    const sampled = <T>(arbitrary: fc.Arbitrary<T>): T[] => fc.sample(arbitrary, { seed, numRuns: 300 });
    this.texts = [
      ...nastyTexts,
      ...sampled(
        fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 40 })),
      ),
    ];
    this.numbers = sampled(fc.oneof(fc.double(), fc.maxSafeInteger(), fc.integer({ min: -5, max: 300 })));
    this.json = sampled(fc.jsonValue({ maxDepth: 5 }));
  }

  text(random: Random): string {
    return random.pick(this.texts);
  }

  any(random: Random): unknown {
    const kind = random.weighted({ text: 3, number: 2, json: 2, raw: 3, plain: 2 });
    if (kind === 'text') return this.text(random);
    if (kind === 'number') return random.pick(this.numbers);
    if (kind === 'json') return random.pick(this.json);
    if (kind === 'raw') return new Raw(random.pick(nastyRaws));
    return random.pick([null, true, false, 0, -1, '', [], {}, [[]], [null], { a: 1 }]);
  }
}

/** JSON with its raw parts as they are. */
export function jsonOf(value: unknown): string {
  const raws: string[] = [];
  const marked = JSON.stringify(value, (_, one: unknown) => {
    if (!(one instanceof Raw)) return one;
    return `@raw${raws.push(one.text) - 1}@`;
  });
  return (marked ?? 'null').replaceAll(/"@raw(\d+)@"/g, (_, index: string) => raws[Number(index)]!);
}
