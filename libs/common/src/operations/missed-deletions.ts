import type { OnModuleInit } from '@nestjs/common';
import type { Copies } from '../copies/copies.js';
import type { Tx } from '../database/tx.js';
import type { Broker } from '../events/broker.js';
import { type DeletionKey, deletionKinds } from './deletions.js';
import type { HeardDeletions } from './heard-deletions.js';
import { type OpenDeletionsQuestion, openDeletionsSubject } from './open-deletions.js';

const source = 'identity';

const unknownText = `SELECT open.kind, open.id FROM unnest($1::text[], $2::uuid[]) AS open (kind, id)
  WHERE NOT EXISTS (SELECT FROM events.deletion AS d WHERE d.kind = open.kind AND d.id = open.id)`;

/**
 * Deletions that their owner waits for, and that no event tells here: a snapshot stood in for it. Without, the owner would
 * wait for ever.
 */
export class MissedDeletions implements OnModuleInit {
  constructor(
    private readonly copies: Copies,
    private readonly broker: Broker,
    private readonly heard: HeardDeletions,
  ) {}

  onModuleInit(): void {
    this.copies.addEffects({ source, name: 'deletions under way', concludes: true, heal: (tx) => this.heal(tx) });
  }

  /** Notes those of the first page that has any. */
  private async heal(tx: Tx): Promise<number> {
    let question: OpenDeletionsQuestion = { after: null };
    for (;;) {
      const open: DeletionKey[] = await this.broker.ask<DeletionKey[]>(openDeletionsSubject, question);
      if (open.length === 0) return 0;
      const missed = await this.missed(tx, open);
      for (const { kind, id } of missed) this.heard.note(tx, kind, id);
      if (missed.length > 0) return missed.length;
      question = { after: open.at(-1)! };
    }
  }

  /**
   * What a copy here still has is left to its event, which is on its way or parked: the effects of that one are not done.
   * The copies are read first, for the event may be applied between the two.
   */
  private async missed(tx: Tx, open: readonly DeletionKey[]): Promise<DeletionKey[]> {
    const ids = open.map(({ id }) => id);
    const living = new Set<string>();
    for (const copy of this.copies.of(source)) {
      if (!deletionKinds.some((kind) => kind === copy.thing)) continue;
      for (const id of await copy.living(tx, ids)) living.add(id);
    }
    const kinds = open.map(({ kind }) => kind);
    const unknown = await tx.query<DeletionKey & Record<string, unknown>>(unknownText, [kinds, ids]);
    return unknown.filter(({ id }) => !living.has(id));
  }
}
