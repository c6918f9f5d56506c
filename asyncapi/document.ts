import { readersOf, type ServiceName, serviceNames, topology } from '#common/contracts/index';
import type { Schema } from '#common/openapi/index';
import { type PublishedEvent, publishedEvents } from './event-schemas.js';
import { cloudEventHeaders, headersOf } from './headers.js';

const description = `Everything that happens in Clarity is an event. Each service writes its own to a log without gaps in its
database, in the transaction that makes them true, and carries them to NATS: the subject is the event type, the body is the
data as JSON, and the attributes of CloudEvents 1.0 stand in \`ce-*\` headers (binary mode).

One JetStream stream for each service keeps seven days. A durable consumer gets every event at least once; a core NATS
subscription at most once. Order is (\`ce-epoch\`, \`ce-sequence\`) within a source; duplicates have the same \`ce-id\`.

Published types are frozen: they only ever gain optional fields, so readers ignore fields that they do not know. What breaks
readers is a new type.`;

/** One per service: what it owns. */
const ownership: Readonly<Record<ServiceName, string>> = {
  identity: 'Users, organizations, profiles, sessions, preferences and keys for language models.',
  licensing: 'Licenses, what they grant, and the catalogue of modules.',
  crm: 'Customers and their links.',
  conversations: 'Conversations, messages and functions; never their texts.',
};

const reference = (...path: readonly string[]) => ({ $ref: `#/${path.join('/')}` });

/** The AsyncAPI 3.1 document of all events. */
export function asyncApiDocument(events: readonly PublishedEvent[] = publishedEvents()): object {
  return {
    asyncapi: '3.1.0',
    id: 'urn:clarity:events',
    info: { title: 'Clarity events', version: '1.0.0', description, tags: serviceNames.map((name) => tagOf(name)) },
    defaultContentType: 'application/json',
    servers: { local: localServer },
    channels: keyed(events, nameOf, channel),
    operations: keyed(events, (event) => `publish${nameOf(event)}`, operation),
    components: {
      schemas: { CloudEventHeaders: cloudEventHeaders, ...keyed(events, nameOf, payload) },
      messages: keyed(events, nameOf, message),
      securitySchemes: {
        natsUser: {
          type: 'userPassword',
          description:
            'A NATS user that may subscribe and publish nothing; the operator grants it, for it sees all tenants.',
        },
      },
    },
  };
}

const localServer = {
  host: '127.0.0.1:14222',
  protocol: 'nats',
  description: 'The local stack; `.clarity/stack.json` holds the URL, user and password.',
  security: [reference('components', 'securitySchemes', 'natsUser')],
};

const nameOf = ({ type }: PublishedEvent): string => type.name;

const keyed = <Item, Value>(items: readonly Item[], key: (item: Item) => string, value: (item: Item) => Value) =>
  Object.fromEntries(items.map((item) => [key(item), value(item)]));

const tagOf = (source: ServiceName) => ({ name: source, description: ownership[source] });

const channel = (event: PublishedEvent) => ({
  address: event.contract.type,
  title: event.contract.type,
  summary: event.contract.description,
  servers: [reference('servers', 'local')],
  messages: { [nameOf(event)]: reference('components', 'messages', nameOf(event)) },
  tags: [{ name: event.contract.source }],
  'x-stream': topology[event.contract.source].stream,
  'x-readers': readersOf(event.contract.source),
});

const operation = (event: PublishedEvent) => ({
  action: 'send',
  channel: reference('channels', nameOf(event)),
  summary: event.contract.description,
  messages: [reference('channels', nameOf(event), 'messages', nameOf(event))],
  tags: [{ name: event.contract.source }],
});

const message = (event: PublishedEvent) => ({
  name: event.contract.type,
  title: event.contract.type,
  summary: event.contract.description,
  contentType: 'application/json',
  headers: headersOf(event.contract),
  payload: reference('components', 'schemas', nameOf(event)),
  tags: [{ name: event.contract.source }],
  examples: [{ name: event.contract.type, payload: event.contract.example }],
});

const payload = ({ contract, described }: PublishedEvent): Schema => ({
  title: contract.type,
  description: contract.description,
  ...described,
  examples: [contract.example],
});
