import type { OnModuleInit } from '@nestjs/common';
import { lowestKey } from '../copies/protocol.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import type { Broker } from '../events/broker.js';
import { invalid } from '../http/problem.js';
import { type DeletionKey, deletionLimit, isDeletionKey } from './deletions.js';

/** Subject on which the owner of what is deleted tells which deletions are under way. */
export const openDeletionsSubject = 'identity.ask.deletions';

/** Asks for those behind this one, or for the first; the answer is a list of keys in their order, empty behind the last. */
export interface OpenDeletionsQuestion {
  readonly after: DeletionKey | null;
}

const openText = `SELECT d.kind, d.id FROM events.deletion AS d
  WHERE d.finished_at IS NULL AND (d.kind, d.id) > ($1, $2::uuid) ORDER BY d.kind, d.id LIMIT ${deletionLimit}`;

/** The owner's side: tells those who may have missed the event of a deletion what it waits for. */
export class OpenDeletions implements OnModuleInit {
  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly broker: Broker,
  ) {}

  onModuleInit(): void {
    this.broker.answer(openDeletionsSubject, (question) => this.page(question));
  }

  private page(question: unknown): Promise<DeletionKey[]> {
    const { kind, id } = afterOf(question) ?? { kind: '', id: lowestKey };
    return this.system.read<DeletionKey & Record<string, unknown>>({ text: openText, values: [kind, id] });
  }
}

function afterOf(question: unknown): DeletionKey | null {
  const after = (question as Partial<OpenDeletionsQuestion> | null)?.after;
  if (after !== null && !isDeletionKey(after)) throw invalid('/after', 'after must be the key of a deletion, or null');
  return after;
}
