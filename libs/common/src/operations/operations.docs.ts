import { type ServiceName, serviceNames } from '../contracts/topology.js';
import {
  component,
  docsOf,
  id,
  instant,
  integer,
  listOf,
  nullable,
  number,
  object,
  oneOf,
  pageOf,
  type Schema,
  text,
} from '../openapi/index.js';
import { DeletionsAdminController } from './deletions-admin.controller.js';
import { deletionStates, type DeletionView, type ServiceDeletion } from './deletions-admin.js';
import { deletionKinds } from './deletions.js';
import { EventsAdminController } from './events-admin.controller.js';
import type { EventStatus, ParkedAt } from './events-admin.js';
import type { SubscriberState } from './service-state.js';

const service = oneOf(...serviceNames);

const parked = component<ParkedAt>('ParkedEvent', {
  subscriber: service,
  sequence: integer(12),
  epoch: integer(1),
  eventId: id,
  type: text('license.expired'),
  aggregateId: text('0199d2a8-4b1e-7c07-9a53-6f1f0a4c2b11'),
  aggregateVersion: integer(3),
  error: { ...nullable(text('The row does not exist.')), description: 'Null for an event that waits behind another.' },
  behind: { ...nullable(integer(11)), description: 'Sequence of the event that it waits behind.' },
  attempts: integer(3),
  parkedAt: instant,
  replayRequestedAt: nullable(instant),
});

const subscriber = component<SubscriberState>(
  'Subscriber',
  {
    subscriber: service,
    epoch: integer(1),
    appliedSequence: integer(12),
    lagEvents: nullable(integer(0)),
    lagSeconds: nullable(number(0)),
    parked: integer(0),
    heardAt: instant,
  },
  { optional: ['epoch', 'appliedSequence', 'lagEvents', 'lagSeconds', 'parked', 'heardAt'] },
);

const status = component<EventStatus>('EventStatus', {
  source: service,
  head: object<EventStatus['head']>({ epoch: integer(1), sequence: integer(12), publishedSequence: integer(12) }),
  outbox: object<EventStatus['outbox']>({ size: integer(0), oldestSeconds: number(0) }),
  subscribers: listOf(subscriber),
  parked: pageOf(parked),
});

const atService = component<ServiceDeletion>('DeletionAtService', {
  state: oneOf('not_heard', 'under_way', 'finished', 'out_of_reach'),
  requestedAt: nullable(instant),
  finishedAt: nullable(instant),
});

const services = Object.fromEntries(serviceNames.map((name) => [name, atService])) as Record<ServiceName, Schema>;
const deletion = component<DeletionView>('Deletion', {
  kind: oneOf(...deletionKinds),
  id,
  requestedAt: instant,
  finishedAt: nullable(instant),
  state: oneOf(...deletionStates),
  services: object(services, { optional: serviceNames }),
});

export default [
  docsOf(EventsAdminController, 'Operation', {
    status: {
      id: 'getEventStatus',
      summary: 'Read how far a service’s events have got, and which are parked',
      answer: status,
      params: { source: service },
    },
    intervene: {
      id: 'interveneAtParkedEvent',
      summary: 'Replay or discard a parked event',
      answer: object({ subscriber: service, sequence: integer(12) }),
      errors: ['ambiguous'],
      params: {
        source: service,
        sequence: integer(12, { minimum: 1, maximum: 999_999_999_999_999 }),
        action: oneOf('replay', 'discard'),
      },
      example: { reason: 'The row is there now.', subscriber: 'crm' },
    },
  }),
  docsOf(DeletionsAdminController, 'Operation', {
    list: {
      id: 'listDeletions',
      summary: 'List what became of the deletions of users and organizations, everywhere',
      answer: pageOf(deletion),
    },
  }),
];
