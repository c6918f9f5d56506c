import { type MsgHdrs, MsgHdrsImpl } from '@nats-io/nats-core';
import { type ServiceName, serviceNames, topology } from '../contracts/topology.js';

/** An event as its log keeps it; times are ISO 8601. */
export interface LoggedEvent {
  readonly sequence: number;
  readonly epoch: number;
  readonly id: string;
  readonly type: string;
  readonly aggregateId: string;
  readonly aggregateVersion: number;
  readonly organizationId: string | null;
  readonly actorId: string | null;
  readonly time: string;
  readonly traceparent: string | null;
  /** JSON text. */
  readonly data: string;
}

/** An event as a subscriber receives it. */
export interface ReceivedEvent extends LoggedEvent {
  readonly source: ServiceName;
}

/** The select list that turns a row of `events.log` into a `LoggedEvent`; bigint and timestamps as text would need parsing. */
export const loggedEventColumns = `sequence::float8 AS sequence, epoch, event_id AS id, type, aggregate_id AS "aggregateId",
  aggregate_version AS "aggregateVersion", organization_id AS "organizationId", actor_id AS "actorId",
  app.iso(occurred_at) AS time, traceparent, data::text AS data`;

/**
 * CloudEvents 1.0, NATS binding, binary mode: attributes as `ce-*` headers, the body is the data. Lines of a header block: the
 * client's map of headers checks and copies every name and value, which takes longer than all else that is done for an event.
 */
export function attributeLines(source: ServiceName, event: LoggedEvent, traceparent = event.traceparent): string {
  const type = oneLine(event.type);
  const lines = [
    'content-type: application/json',
    'ce-specversion: 1.0',
    `ce-id: ${event.id}`,
    `ce-source: /clarity/${source}`,
    `ce-type: ${type}`,
    `ce-subject: ${event.aggregateId}`,
    `ce-time: ${event.time}`,
    `ce-dataschema: /clarity/schemas/${type}/1`,
    `ce-sequence: ${event.sequence}`,
    `ce-epoch: ${event.epoch}`,
    `ce-aggregateversion: ${event.aggregateVersion}`,
  ];
  if (event.organizationId !== null) lines.push(`ce-organizationid: ${event.organizationId}`);
  if (event.actorId !== null) lines.push(`ce-actorid: ${event.actorId}`);
  if (traceparent !== null) lines.push(`ce-traceparent: ${oneLine(traceparent)}`);
  return lines.join('\r\n');
}

/** What is text in the log must not become a header of its own. */
const oneLine = (text: string): string => (/[\r\n]/.test(text) ? text.replaceAll(/[\r\n]+/g, ' ') : text);

/** Headers to send, out of lines that are written already. */
export class HeaderBlock extends MsgHdrsImpl {
  constructor(private readonly lines: string) {
    super();
  }

  override toString(): string {
    return `NATS/1.0\r\n${this.lines}\r\n\r\n`;
  }
}

interface CarriedMessage {
  readonly subject: string;
  readonly headers?: MsgHdrs | undefined;
  string(): string;
}

/**
 * Reads a message of `source`'s stream; null when stream, source, type and subject do not agree or it does not parse. A type
 * that nobody is known to publish is of a newer owner.
 */
export function fromMessage(source: ServiceName, message: CarriedMessage): ReceivedEvent | null {
  const { headers: attributes, subject } = message;
  if (!attributes) return null;
  const sequence = Number(attributes.get('ce-sequence'));
  const epoch = Number(attributes.get('ce-epoch'));
  const aggregateVersion = Number(attributes.get('ce-aggregateversion'));
  const id = attributes.get('ce-id');
  if (attributes.get('ce-source') !== `/clarity/${source}` || attributes.get('ce-type') !== subject) return null;
  if ((ownerOf(subject) ?? source) !== source || id === '' || attributes.get('ce-subject') === '') return null;
  if (![sequence, epoch, aggregateVersion].every((number) => Number.isSafeInteger(number) && number > 0)) return null;
  const data = message.string();
  try {
    JSON.parse(data);
  } catch {
    return null;
  }
  return {
    source,
    sequence,
    epoch,
    id,
    type: subject,
    aggregateId: attributes.get('ce-subject'),
    aggregateVersion,
    organizationId: attributes.get('ce-organizationid') || null,
    actorId: attributes.get('ce-actorid') || null,
    time: attributes.get('ce-time'),
    traceparent: attributes.get('ce-traceparent') || null,
    data,
  };
}

/** The owner that publishes an event type; undefined for a type that nobody publishes. */
export const ownerOf = (type: string): ServiceName | undefined => owners.get(type);

const owners = new Map(
  serviceNames.flatMap((service) => topology[service].types.map((type) => [type, service] as const)),
);
