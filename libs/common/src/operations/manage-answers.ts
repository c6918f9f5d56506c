import type { OnModuleInit } from '@nestjs/common';
import { isUUID } from 'class-validator';
import { manageSubject, type ServiceName, topology } from '../contracts/topology.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import type { Broker } from '../events/broker.js';
import { type OnceOnly, ParkedEvents } from '../events/parked-events.js';
import { invalid } from '../http/problem.js';
import { deletionLimit, isDeletionKey, readDeletions } from './deletions.js';
import { findParked, readParked } from './parked-page.js';
import type { AnswerTold, Intervention, ManageQuestion } from './subscribers.js';

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
      case 'find':
        return findParked(this.system, source, asked);
      case 'deletions':
        return readDeletions(this.system, asked.wanted);
      case 'replay':
      case 'discard':
        return this.act(source, asked);
      default:
        throw invalid('/action', 'action is not one that is known here');
    }
  }

  private async act(source: ServiceName, asked: Intervention): Promise<AnswerTold | null> {
    const { action, sequence, reason, actorId } = asked;
    const actor = { id: actorId, name: 'platform admin' };
    const act = action === 'replay' ? 'requestReplay' : 'discard';
    const before = await this.parked[act](source, sequence, reason, actor, onceOf(asked));
    return before ? { ...before, fingerprint: before.fingerprint.toString('base64') } : null;
  }
}

function onceOf({ actorId: userId, once }: Intervention): OnceOnly | undefined {
  if (!once) return undefined;
  const [scope, fingerprint] = [once.scope, once.fingerprint].map((text) => Buffer.from(text, 'base64'));
  return { userId, scope: scope!, fingerprint: fingerprint!, answer: once.answer };
}

/** A SHA-256 in base64. */
const isDigest = (value: unknown): boolean => typeof value === 'string' && /^[A-Za-z0-9+/]{43}=$/.test(value);

const isKeyTold = ({ scope, fingerprint, answer }: NonNullable<Intervention['once']>): boolean =>
  isDigest(scope) && isDigest(fingerprint) && Number.isInteger(answer?.status) && typeof answer.body === 'string';

const isSequence = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** A question comes from another process, perhaps of another version. */
function checked(question: unknown): ManageQuestion {
  const asked = (question ?? {}) as ManageQuestion;
  const fits: Readonly<Record<string, boolean>> = {
    parked:
      asked.action === 'parked' &&
      isSequence(asked.after?.epoch) &&
      isSequence(asked.after.sequence) &&
      isSequence(asked.limit),
    find:
      asked.action === 'find' &&
      isSequence(asked.sequence) &&
      (!asked.once || (isDigest(asked.once.scope) && isUUID(asked.once.userId, 'loose'))),
    deletions:
      asked.action === 'deletions' &&
      Array.isArray(asked.wanted) &&
      asked.wanted.length <= deletionLimit &&
      asked.wanted.every(isDeletionKey),
  };
  if (asked.action === 'replay' || asked.action === 'discard') {
    const isReason = typeof asked.reason === 'string' && asked.reason.length > 0 && asked.reason.length <= 1_000;
    const isOnce = !asked.once || isKeyTold(asked.once);
    if (!isSequence(asked.sequence) || !isReason || !isUUID(asked.actorId, 'loose') || !isOnce)
      throw invalid('', 'no such act');
  } else if (!fits[asked.action]) throw invalid('', 'the question is not one that is known here');
  return asked;
}
