import type { Provider, Type } from '@nestjs/common';
import type { Logger } from 'pino';
import { type ServiceName, topology } from '../contracts/topology.js';
import type { Copies } from '../copies/copies.js';
import type { SystemUnitOfWork, UnitOfWork } from '../database/unit-of-work.js';
import type { Broker } from '../events/broker.js';
import { DeletionWatch } from './deletion-watch.js';
import { DeletionsAdmin } from './deletions-admin.js';
import { DeletionsAdminController } from './deletions-admin.controller.js';
import { DeletionsHandler } from './deletions.handler.js';
import { EventsAdmin } from './events-admin.js';
import { EventsAdminController } from './events-admin.controller.js';
import { HeardDeletions, type LongDeletions } from './heard-deletions.js';
import { ManageAnswers } from './manage-answers.js';
import { MissedDeletions } from './missed-deletions.js';
import { OpenDeletions } from './open-deletions.js';
import { Subscribers } from './subscribers.js';
import { type Passing, Sweep } from './sweep.js';

/** What every service keeps for a while only: answers for 24 hours (draft-ietf-httpapi-idempotency-key-header §2.6), finished deletions. */
const passingEverywhere: readonly Passing[] = [
  ['idempotency_keys', `created_at < now() - interval '24 hours'`],
  ['events.deletion', `finished_at < now() - interval '35 days'`],
];

interface Definition {
  readonly name: ServiceName;
  readonly config: { readonly DELETION_DEADLINE: number };
  readonly longDeletions?: LongDeletions;
  readonly passing?: readonly Passing[];
}

interface Parts {
  readonly broker: Broker;
  readonly copies: Copies;
  readonly system: SystemUnitOfWork;
  readonly unitOfWork: UnitOfWork;
  readonly logger: Logger;
}

/**
 * What every service needs to be operated: event status and parked events, the deletions that it hears of or owns, and the end
 * of what is kept for a while.
 */
export function operationsParts(
  { name, config: { DELETION_DEADLINE: deadline }, longDeletions = {}, passing = [] }: Definition,
  { broker, copies, system, unitOfWork, logger }: Parts,
): { controllers: Type[]; providers: Provider[] } {
  const subscribers = new Subscribers(name, broker);
  const heard = new HeardDeletions(longDeletions);
  const hears = topology[name].reads.includes('identity');
  const owns = name === 'identity';
  return {
    controllers: [
      EventsAdminController,
      ...(hears ? [DeletionsHandler] : []),
      ...(owns ? [DeletionsAdminController] : []),
    ],
    providers: [
      { provide: HeardDeletions, useValue: heard },
      { provide: EventsAdmin, useValue: new EventsAdmin(name, unitOfWork, system, subscribers, deadline) },
      { provide: DeletionsAdmin, useValue: new DeletionsAdmin(name, unitOfWork, system, subscribers, deadline) },
      { provide: ManageAnswers, useValue: new ManageAnswers(name, system, broker) },
      { provide: Sweep, useValue: new Sweep(system, [...passingEverywhere, ...passing], logger) },
      { provide: DeletionWatch, useValue: new DeletionWatch(name, system, subscribers, deadline, logger) },
      ...(hears ? [{ provide: MissedDeletions, useValue: new MissedDeletions(copies, broker, heard) }] : []),
      ...(owns ? [{ provide: OpenDeletions, useValue: new OpenDeletions(system, broker) }] : []),
    ],
  };
}
