import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { ServiceName } from '#common/contracts/topology';

/** What a request was meant to make true. */
export type Intent =
  | { readonly make: string; readonly token: string; readonly within: readonly string[] }
  | { readonly set: string; readonly value: string | boolean }
  | { readonly remove: string };

/** A request that was sent; `service` is whose database it writes to. */
export interface Call {
  readonly kind: 'call';
  readonly n: number;
  readonly service: ServiceName;
  readonly request: string;
  readonly intent: Intent;
}

/**
 * How a request ended: `done` is acknowledged, `refused` had no effect, `unknown` may have had its effect or may still
 * have it (no answer, a broken connection, 5xx).
 */
export interface Outcome {
  readonly kind: 'outcome';
  readonly n: number;
  readonly outcome: 'done' | 'refused' | 'unknown';
  readonly detail: string;
  /** Id of what was made. */
  readonly id?: string;
}

export interface FaultRecord {
  readonly kind: 'fault';
  readonly what: string;
  readonly phase: 'begins' | 'ends' | 'failed' | 'note';
  readonly detail?: string;
}

/** A database went back: what was acknowledged between these moments may be gone. */
export interface Rollback {
  readonly kind: 'rollback';
  readonly service: ServiceName;
  readonly copiedAt: number;
  readonly restoredAt: number;
}

export interface Mark {
  readonly kind: 'mark';
  readonly text: string;
}

export type Entry = Call | Outcome | FaultRecord | Rollback | Mark;

/** An entry as it was written, with the milliseconds since the run began. */
export type Recorded = Entry & { readonly at: number };

/** Append-only file of one run, a JSON document per line: what was asked, answered and broken, and when. */
export class History {
  private readonly file: number;
  private readonly begun = performance.now();
  private calls = 0;

  constructor(readonly path: string) {
    this.file = openSync(path, 'a', 0o600);
  }

  /** Milliseconds since the run began. */
  now(): number {
    return Math.round(performance.now() - this.begun);
  }

  write(entry: Entry): void {
    writeSync(this.file, `${JSON.stringify({ at: this.now(), ...entry })}\n`);
  }

  /** Writes down what is about to be sent; the number is for its outcome. */
  call(call: Omit<Call, 'kind' | 'n'>): number {
    this.calls += 1;
    this.write({ kind: 'call', n: this.calls, ...call });
    return this.calls;
  }

  fault(what: string, phase: FaultRecord['phase'], detail?: string): void {
    this.write({ kind: 'fault', what, phase, ...(detail !== undefined && { detail }) });
  }

  close(): void {
    closeSync(this.file);
  }

  static read(path: string): Recorded[] {
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Recorded);
  }
}
