/** What is counted; every count has to be zero. */
export const checks = [
  'acknowledged writes lost',
  'events lost',
  'effects doubled',
  'order violations',
  'dangling references',
  'drift of copies',
] as const;

export type Check = (typeof checks)[number];

/** What was found wrong; of each kind the first few are kept in words. */
export class Findings {
  private readonly found = new Map<Check, string[]>(checks.map((check) => [check, []]));

  add(check: Check, detail: string): void {
    this.found.get(check)!.push(detail);
  }

  count(check: Check): number {
    return this.found.get(check)!.length;
  }

  get total(): number {
    return checks.reduce((sum, check) => sum + this.count(check), 0);
  }

  /** The first of each kind, in words. */
  samples(limit = 5): string[] {
    return checks.flatMap((check) =>
      this.found
        .get(check)!
        .slice(0, limit)
        .map((detail) => `${check}: ${detail}`),
    );
  }
}
