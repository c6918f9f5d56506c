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
import { KeptAnswersSweep } from './kept-answers-sweep.js';
import { ManageAnswers } from './manage-answers.js';
import { MissedDeletions } from './missed-deletions.js';
import { OpenDeletions } from './open-deletions.js';
import { Subscribers } from './subscribers.js';

interface Definition {
  readonly name: ServiceName;
  readonly config: { readonly DELETION_DEADLINE: number };
  readonly longDeletions?: LongDeletions;
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
  { name, config: { DELETION_DEADLINE: deadline }, longDeletions = {} }: Definition,
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
      { provide: KeptAnswersSweep, useValue: new KeptAnswersSweep(system, logger) },
      { provide: DeletionWatch, useValue: new DeletionWatch(name, system, subscribers, deadline, logger) },
      ...(hears ? [{ provide: MissedDeletions, useValue: new MissedDeletions(copies, broker, heard) }] : []),
      ...(owns ? [{ provide: OpenDeletions, useValue: new OpenDeletions(system, broker) }] : []),
    ],
  };
}
