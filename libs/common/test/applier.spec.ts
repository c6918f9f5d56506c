import { beforeEach, describe, expect, it } from '@jest/globals';
import { Applier, type Positioning } from '#common/events/applier';
import type { Arrival, Standing } from '#common/events/decision';

interface Moves {
  to: Standing | undefined;
}

/** A position whose predecessor's mark is there until `absolved`. */
class FakePosition implements Positioning<Moves> {
  standing: Standing = { epoch: 1, sequence: 0 };
  absolved = false;
  /** What was committed, in its order: the events of each transaction, and marks. */
  readonly commits: string[] = [];
  onCommit: () => void = () => undefined;

  async transaction<T>(work: (standing: Standing, tx: Moves, somethingParked: boolean) => Promise<T>): Promise<T> {
    const tx: Moves = { to: undefined };
    const value = await work(this.standing, tx, false);
    if (tx.to) this.commits.push(`${this.standing.sequence + 1}-${tx.to.sequence}`);
    this.standing = tx.to ?? this.standing;
    this.onCommit();
    return value;
  }

  advance(tx: Moves, { epoch, sequence }: Standing): void {
    tx.to = { epoch, sequence };
  }

  async mark(_epoch: number, sequence: number) {
    this.commits.push(`try ${sequence}`);
    return { attempts: 1, isAbsolved: this.absolved };
  }

  async lead(): Promise<void> {
    this.commits.push('lead');
  }

  async blocked(): Promise<Map<string, number>> {
    return new Map();
  }

  park(): void {
    throw new Error('nothing is parked here');
  }
}

const events = (first: number, last: number): Arrival[] =>
  Array.from({ length: last - first + 1 }, (_, index) => ({
    event: {
      source: 'identity',
      epoch: 1,
      sequence: first + index,
      id: String(first + index),
      type: 'organization.updated',
      aggregateId: 'a',
      aggregateVersion: first + index,
      organizationId: null,
      actorId: null,
      time: '2026-01-01T00:00:00.000Z',
      traceparent: null,
      data: '{}',
    },
    stream: null,
  }));

describe('a replica that finds the mark of another', () => {
  let position: FakePosition;
  let applier: Applier<Moves>;
  beforeEach(() => {
    position = new FakePosition();
    applier = new Applier({ dispatch: async () => undefined, logger: { error: () => undefined } }, position);
  });

  it('is careful for as much as the other may have been at, and leaves its own mark after that', async () => {
    applier.startAt(position.standing, true);
    await applier.apply(events(1, 600));
    expect(position.commits.slice(0, 4)).toEqual(['try 1', '1-1', 'try 2', '2-2']);
    expect(position.commits.slice(-4)).toEqual(['try 500', '500-500', 'lead', '501-600']);
  });

  it('is careful only until the other has said that it lives', async () => {
    applier.startAt(position.standing, true);
    position.onCommit = () => (position.absolved = position.standing.sequence === 2);
    await applier.apply(events(1, 100));
    expect(position.commits).toEqual(['try 1', '1-1', 'try 2', '2-2', 'try 3', 'lead', '3-3', '4-100']);
  });

  it('is not careful for longer because it begins again', async () => {
    applier.startAt(position.standing, true);
    await applier.apply(events(1, 499));
    applier.startAt(position.standing, true);
    await applier.apply(events(500, 600));
    expect(position.commits.slice(-4)).toEqual(['try 500', '500-500', 'lead', '501-600']);
  });

  it('begins nothing more once it has lost the lead itself', async () => {
    const lost = new AbortController();
    applier.startAt(position.standing, true, lost.signal);
    position.onCommit = () => position.standing.sequence === 3 && lost.abort();
    await expect(applier.apply(events(1, 100))).rejects.toThrow('aborted');
    expect(position.standing.sequence).toBe(3);
  });
});
