/** What a person sees of the stack: short lines, each with the seconds that it took. */
export class Terminal {
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void = (text) => process.stdout.write(text)) {
    this.#write = write;
  }

  line(text = ''): void {
    this.#write(`${text}\n`);
  }

  done(what: string, since: number): void {
    this.line(`✔ ${what} (${seconds(since)})`);
  }

  trouble(what: string): void {
    this.line(`✖ ${what}`);
  }

  note(what: string): void {
    this.line(`· ${what}`);
  }
}

/** Time since a moment of `Date.now()`, such as `0.4 s`. */
export const seconds = (since: number): string => `${((Date.now() - since) / 1_000).toFixed(1)} s`;
