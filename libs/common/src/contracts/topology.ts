/**
 * Who owns which events and who may ask whom: the one table from which streams, NATS permissions and consumers are made.
 */

export const serviceNames = ['identity', 'licensing', 'crm', 'conversations'] as const;

/** A service that owns a database, a log of events and a JetStream stream. */
export type ServiceName = (typeof serviceNames)[number];

export interface ServiceTopology {
  /** JetStream stream that carries this service's events. */
  readonly stream: string;
  /** Every event type that this service publishes; the subject is the type. */
  readonly types: readonly string[];
  /** Services whose events this one applies. */
  readonly reads: readonly ServiceName[];
  /** Questions that this service answers by request/reply, beside `events.read`; the subject is `<service>.<question>`. */
  readonly answers: readonly string[];
  /** Questions of others that this service may put: full subjects. */
  readonly asks: readonly string[];
}

export const topology: Readonly<Record<ServiceName, ServiceTopology>> = {
  identity: {
    stream: 'IDENTITY',
    types: [
      'organization.created',
      'organization.updated',
      'organization.deleted',
      'user.registered',
      'user.updated',
      'user.deleted',
      'profile.created',
      'profile.updated',
      'profile.deleted',
      'session.revoked',
      'preference.changed',
      'llm_api_key.added',
      'llm_api_key.verified',
      'llm_api_key.rejected',
      'llm_api_key.removed',
    ],
    reads: ['licensing', 'crm', 'conversations'],
    answers: ['ask.access', 'ask.organization', 'ask.deletions', 'ask.llm-key', 'tell.llm-key-refused'],
    asks: [],
  },
  licensing: {
    stream: 'LICENSING',
    types: [
      'license.issued',
      'license.renewed',
      'license.suspended',
      'license.reinstated',
      'license.revoked',
      'license.expiring',
      'license.expired',
      'license.module_added',
      'license.module_removed',
      'module.created',
      'module.updated',
    ],
    reads: ['identity'],
    answers: ['ask.licenses'],
    asks: ['identity.ask.access', 'identity.ask.organization', 'identity.ask.deletions'],
  },
  crm: {
    stream: 'CRM',
    types: ['customer.created', 'customer.updated', 'customer.deleted', 'customer.linked', 'customer.unlinked'],
    reads: ['identity', 'licensing'],
    answers: [],
    asks: ['identity.ask.access', 'identity.ask.organization', 'identity.ask.deletions', 'licensing.ask.licenses'],
  },
  conversations: {
    stream: 'CONVERSATIONS',
    types: [
      'conversation.created',
      'conversation.updated',
      'conversation.deleted',
      'message.created',
      'function.created',
      'function.updated',
      'function.deleted',
    ],
    reads: ['identity', 'licensing'],
    answers: [],
    asks: [
      'identity.ask.access',
      'identity.ask.deletions',
      'identity.ask.llm-key',
      'identity.tell.llm-key-refused',
      'licensing.ask.licenses',
    ],
  },
};

/** Subject on which an owner announces every 2 s how far its log reaches. */
export const watermarkSubject = (owner: ServiceName): string => `${owner}.events.watermark`;

/** Subject on which an owner answers with a range of its log. */
export const readSubject = (owner: ServiceName): string => `${owner}.events.read`;

/** Subject on which a subscriber tells an owner how far it has got. */
export const positionSubject = (owner: ServiceName, subscriber: ServiceName): string =>
  `${owner}.events.position.${subscriber}`;

/**
 * Subject on which a subscriber answers one of its sources about what it does with that source's events. Who asks stands
 * in the subject, so the rights on it say who may.
 */
export const manageSubject = (subscriber: ServiceName, source: ServiceName): string =>
  `${subscriber}.events.manage.${source}`;

/** True for a service that authorizes requests by copies of what others own; identity owns what it goes by. */
export const authorizesByCopies = (service: ServiceName): boolean => topology[service].reads.includes('identity');

/** The services that apply a source's events. */
export const readersOf = (source: ServiceName): ServiceName[] =>
  serviceNames.filter((service) => topology[service].reads.includes(source));

/** Subject on which an owner answers with a page of its rows, for copies. */
export const snapshotSubject = (owner: ServiceName): string => `${owner}.events.snapshot`;

/** Subject on which an owner answers with digests of its rows, to compare copies with. */
export const digestSubject = (owner: ServiceName): string => `${owner}.events.digest`;

/** Subject on which the replicas of a process tell each other how much their clients asked for. */
export const limitSubject = (process: ServiceName | 'gateway'): string => `${process}.limits`;

/** Prefix of the reply inboxes of one NATS user. */
export const inboxPrefix = (user: string): string => `_INBOX_${user}`;
