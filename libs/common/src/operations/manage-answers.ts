import type { OnModuleInit } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { manageSubject, type ServiceName, topology } from '../contracts/topology.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import type { Broker } from '../events/broker.js';
import { ParkedEvents } from '../events/parked-events.js';
import { invalid } from '../http/problem.js';
import { deletionLimit, isDeletionKey, readDeletions } from './deletions.js';
import { readParked } from './parked-page.js';
import type { ManageQuestion } from './subscribers.js';

/** Parked events in one answer at most. */
const pageLimit = 201;

/** The subscriber's side: answers each source about its own events, and acts on them when told to. */
export class ManageAnswers implements OnModuleInit {
  private readonly parked: ParkedEvents;

  constructor(
    private readonly service: ServiceName,
    private readonly system: SystemUnitOfWork,
    private readonly broker: Broker,
  ) {
    this.parked = new ParkedEvents(system);
  }

  onModuleInit(): void {
    for (const source of topology[this.service].reads) {
      this.broker.answer(manageSubject(this.service, source), (question) => this.answer(source, question));
    }
  }

  private async answer(source: ServiceName, question: unknown): Promise<unknown> {
    const asked = checked(question);
    switch (asked.action) {
      case 'parked':
        return readParked(this.system, source, { ...asked, limit: Math.min(asked.limit, pageLimit) });
      case 'deletions':
        return readDeletions(this.system, asked.wanted);
      case 'replay':
      case 'discard': {
        const { action, sequence, reason, actorId } = asked;
        const actor = { id: actorId, name: 'platform admin' };
        if (action === 'replay') await this.parked.requestReplay(source, sequence, reason, actor);
        else await this.parked.discard(source, sequence, reason, actor);
        return null;
      }
      default:
        throw invalid('/action', 'action is not one that is known here');
    }
  }
}

const isSequence = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** A question comes from another process, perhaps of another version. */
function checked(question: unknown): ManageQuestion {
  const asked = (question ?? {}) as ManageQuestion;
  const fits: Readonly<Record<string, boolean>> = {
    parked:
      asked.action === 'parked' &&
      isSequence(asked.after?.epoch) &&
      isSequence(asked.after.sequence) &&
      isSequence(asked.limit) &&
      (asked.sequence === undefined || isSequence(asked.sequence)),
    deletions:
      asked.action === 'deletions' &&
      Array.isArray(asked.wanted) &&
      asked.wanted.length <= deletionLimit &&
      asked.wanted.every(isDeletionKey),
  };
  if (asked.action === 'replay' || asked.action === 'discard') {
    const isReason = typeof asked.reason === 'string' && asked.reason.length > 0 && asked.reason.length <= 1_000;
    if (!isSequence(asked.sequence) || !isReason || !isUUID(asked.actorId, 'loose')) throw invalid('', 'no such act');
  } else if (!fits[asked.action]) throw invalid('', 'the question is not one that is known here');
  return asked;
}
