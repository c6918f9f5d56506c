import {
  digestSubject,
  inboxPrefix,
  limitSubject,
  manageSubject,
  positionSubject,
  readersOf,
  readSubject,
  type ServiceName,
  serviceNames,
  snapshotSubject,
  topology,
  watermarkSubject,
} from '#common/contracts/topology';

/** Every user of the NATS server: the services, the gateway, the maker of streams, and an outsider who may only listen. */
export const natsUsers = [...serviceNames, 'gateway', 'provisioner', 'subscriber'] as const;

/** The user for whoever listens from outside. */
export const outsideSubscriber = 'subscriber';

export type NatsUser = (typeof natsUsers)[number];

export interface NatsCredentials {
  readonly user: string;
  readonly password: string;
}

/** Subjects that a user may publish and subscribe to; everything else is refused. */
export interface NatsRights {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** The rights of a user, as narrow as the topology allows. */
export function rightsOf(user: NatsUser): NatsRights {
  switch (user) {
    case 'gateway':
      return { publish: [limitSubject(user)], subscribe: [...inboxOf(user), limitSubject(user)] };
    case 'provisioner':
      return { publish: provisionerApi(), subscribe: inboxOf(user) };
    case 'subscriber':
      return { publish: durableApi(user), subscribe: [...inboxOf(user), ...eventSubjects()] };
    default:
      return { publish: publishedBy(user), subscribe: heardBy(user) };
  }
}

/** The `authorization` block of a server's configuration; JSON is valid there. */
export function authorizationConfig(credentials: readonly NatsCredentials[]): string {
  const users = credentials.map(({ user, password }) => ({ user, password, permissions: permissionsOf(user) }));
  return `authorization: ${JSON.stringify({ users }, null, 2)}\n`;
}

function permissionsOf(user: string): object | undefined {
  const known = natsUsers.find((name) => name === user);
  if (!known) return undefined;
  const { publish, subscribe } = rightsOf(known);
  return { publish: publish.length ? { allow: publish } : { deny: ['>'] }, subscribe: { allow: subscribe } };
}

const inboxOf = (user: string): string[] => [`${inboxPrefix(user)}.>`];

function publishedBy(service: ServiceName): string[] {
  const { stream, types, reads, asks } = topology[service];
  return [
    ...types,
    watermarkSubject(service),
    limitSubject(service),
    ...serviceNames.filter((other) => isAsked(service, other)).flatMap(inboxOf),
    ...reads.flatMap(ownerQuestions),
    ...reads.map((source) => positionSubject(source, service)),
    ...asks,
    ...readersOf(service).map((reader) => manageSubject(reader, service)),
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    ...reads.flatMap((source) => readerApi(topology[source].stream, service)),
  ];
}

/** What every reader of a service may ask it. */
const ownerQuestions = (owner: ServiceName): string[] => [
  readSubject(owner),
  snapshotSubject(owner),
  digestSubject(owner),
];

/** Whether `other` puts questions to `service`, which then answers into its inbox. */
const isAsked = (service: ServiceName, other: ServiceName): boolean =>
  topology[other].reads.includes(service) ||
  topology[service].reads.includes(other) ||
  topology[other].asks.some((subject) => subject.startsWith(`${service}.`));

const readerApi = (stream: string, consumer: string): string[] => [
  `$JS.API.STREAM.INFO.${stream}`,
  ...['CREATE', 'DELETE', 'INFO', 'MSG.NEXT'].map((verb) => `$JS.API.CONSUMER.${verb}.${stream}.${consumer}`),
];

function heardBy(service: ServiceName): string[] {
  const { answers, reads } = topology[service];
  return [
    ...inboxOf(service),
    limitSubject(service),
    ...ownerQuestions(service),
    ...answers.map((question) => `${service}.${question}`),
    ...reads.map(watermarkSubject),
    ...readersOf(service).map((reader) => positionSubject(service, reader)),
    ...reads.map((source) => manageSubject(service, source)),
  ];
}

/** What it takes to read through a durable consumer of one's own name, which somebody else makes. */
const durableApi = (consumer: NatsUser): string[] =>
  serviceNames.flatMap((service) => {
    const { stream } = topology[service];
    const api = ['INFO', 'MSG.NEXT'].map((verb) => `$JS.API.CONSUMER.${verb}.${stream}.${consumer}`);
    return [...api, `$JS.ACK.${stream}.${consumer}.>`];
  });

const provisionerApi = (): string[] => [
  '$JS.API.STREAM.NAMES',
  ...serviceNames.flatMap((service) =>
    ['CREATE', 'UPDATE', 'INFO'].map((verb) => `$JS.API.STREAM.${verb}.${topology[service].stream}`),
  ),
  ...serviceNames.map((service) => `$JS.API.CONSUMER.CREATE.${topology[service].stream}.${outsideSubscriber}`),
];

/** `license.>` and the like, so that wildcards such as `license.*` are allowed too. */
function eventSubjects(): string[] {
  const aggregates = serviceNames.flatMap((service) => topology[service].types.map((type) => type.split('.')[0]));
  return [...new Set(aggregates)].map((aggregate) => `${aggregate}.>`);
}
