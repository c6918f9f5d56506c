import {
  allContracts,
  type EventClass,
  type EventContractOptions,
  serviceNames,
  topology,
} from '#common/contracts/index';
import type { Schema } from '#common/openapi/index';
import { Comments } from '../openapi/comments.js';
import { type Class, RequestSchemas } from '../openapi/rules.js';

/** A published event type. */
export interface PublishedEvent {
  readonly contract: EventContractOptions;
  readonly type: EventClass<object>;
  /** What its data is. */
  readonly schema: Schema;
  /** The same, with what the source says of the fields. */
  readonly described: Schema;
}

/** Readers must bear fields that they do not know: a published type may gain some. */
const open = (schema: Schema): Schema =>
  JSON.parse(JSON.stringify(schema), (key, value: unknown) =>
    key === 'additionalProperties' ? undefined : value,
  ) as Schema;

const withoutComments = new RequestSchemas(new Comments([]));

/** An event type, with the JSON Schema of its data out of the rules of its class. */
export function publishedEvent(
  type: EventClass<object>,
  contract: EventContractOptions,
  described = withoutComments,
): PublishedEvent {
  const schemaBy = (schemas: RequestSchemas): Schema => open(schemas.object(type as Class));
  return { contract, type, schema: schemaBy(withoutComments), described: schemaBy(described) };
}

/** The class of an event's data, and what it declares. */
type Contract = readonly [EventClass<object>, EventContractOptions];

const order = serviceNames.flatMap((service) => topology[service].types);

/** Every event type, in the order of the topology. */
export function publishedEvents(contracts: Iterable<Contract> = allContracts()): PublishedEvent[] {
  const described = new RequestSchemas(new Comments());
  return [...contracts]
    .map(([type, contract]) => publishedEvent(type, contract, described))
    .sort((a, b) => order.indexOf(a.contract.type) - order.indexOf(b.contract.type));
}
