import { randomUUID } from 'node:crypto';
import { jetstream } from '@nats-io/jetstream';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import {
  digestSubject,
  readSubject,
  type ServiceName,
  snapshotSubject,
  watermarkSubject,
} from '../contracts/topology.js';
import { digestStatement } from '../copies/offer-statements.js';
import { cutDigest } from '../copies/offers.js';
import type { Bucket, Digest, DigestQuestion, Page, PageQuestion } from '../copies/protocol.js';
import { attributeLines, HeaderBlock, type LoggedEvent } from '../events/envelope.js';
import type { TestStack } from './test-stack.js';

export interface PeerEvent {
  readonly type: string;
  readonly aggregateId: string;
  readonly version: number;
  readonly data: object;
  readonly organizationId?: string;
  readonly actorId?: string;
}

/** Something of which the peer's readers keep copies. */
export interface PeerThing {
  /** Field → its type in SQL; times are text. */
  readonly fields: Readonly<Record<string, string>>;
  /** As they are now; `key`, `version` and the fields. */
  rows(): Page['rows'];
}

/**
 * Stands in for a service that the test is not about, over the real protocol: a log, events on JetStream, watermarks,
 * and answers to questions, with that service's NATS rights.
 */
export class EventSourcePeer {
  readonly log: LoggedEvent[] = [];
  /** Raised by a test that restores the peer's database to an earlier state. */
  epoch = 1;
  /** The last sequence that the epoch shares with the one before; raised with it. */
  since = 0;
  /** The first sequence that the log still has; raised by a test that lets the log forget. */
  oldest = 1;
  pageRows = 1_000;
  /** Called after a page was read, before it is sent: what a test does here happens while a snapshot is taken. */
  onPage: (question: PageQuestion) => unknown = () => undefined;
  readonly things: Record<string, PeerThing> = {};
  private readonly watermarks: NodeJS.Timeout;

  private constructor(
    private readonly stack: TestStack,
    readonly service: ServiceName,
    readonly connection: NatsConnection,
  ) {
    this.answer(readSubject(service), ({ after }: { after: number }) => ({
      watermark: this.watermark(),
      oldest: this.oldest,
      events: this.log.slice(Math.max(after, this.oldest - 1), after + 500),
    }));
    this.answer(snapshotSubject(service), async (question: PageQuestion) => {
      const page = this.page(question);
      await this.onPage(question);
      return page;
    });
    this.answer(digestSubject(service), (question: DigestQuestion) => this.digest(question));
    this.watermarks = setInterval(() => this.announce(), 500);
  }

  static async start(stack: TestStack, service: ServiceName): Promise<EventSourcePeer> {
    const peer = new EventSourcePeer(stack, service, await stack.connect(service));
    stack.onStop(async () => clearInterval(peer.watermarks));
    return peer;
  }

  /** Appends to the log and publishes. */
  async emit(event: PeerEvent): Promise<LoggedEvent> {
    const logged = this.append(event);
    await this.publish(logged);
    return logged;
  }

  /** Appends to the log without publishing: an event that is still on its way. */
  append(event: PeerEvent): LoggedEvent {
    const logged: LoggedEvent = {
      sequence: this.log.length + 1,
      epoch: this.epoch,
      id: randomUUID(),
      type: event.type,
      aggregateId: event.aggregateId,
      aggregateVersion: event.version,
      organizationId: event.organizationId ?? null,
      actorId: event.actorId ?? null,
      time: new Date().toISOString(),
      traceparent: null,
      data: JSON.stringify(event.data),
    };
    this.log.push(logged);
    return logged;
  }

  /** Publishes what was logged before; again and again, in any order, as a test likes. */
  async publish(event: LoggedEvent): Promise<void> {
    // Without an id: JetStream would swallow a repetition, and the subscriber would never see it.
    const headers = new HeaderBlock(attributeLines(this.service, event));
    await jetstream(this.connection).publish(event.type, event.data, { headers });
  }

  answer<Question, Value>(subject: string, answer: (question: Question) => Value | Promise<Value>): void {
    this.connection.subscribe(subject, {
      callback: (error, message) => {
        if (!error) void reply(message);
      },
    });
    const reply = async (message: Msg): Promise<void> => {
      message.respond(JSON.stringify({ value: await answer(message.json<Question>()) }));
    };
  }

  announce(): void {
    this.connection.publish(watermarkSubject(this.service), JSON.stringify(this.watermark()));
  }

  private watermark() {
    return { epoch: this.epoch, sequence: this.log.length, at: new Date().toISOString(), since: this.since };
  }

  private page({ thing, from, before }: PageQuestion): Page {
    const rows = this.things[thing]!.rows()
      .filter(({ key }) => (from === null || key >= from) && (before === null || key < before))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const [page, next] = [rows.slice(0, this.pageRows), rows[this.pageRows]?.key ?? null];
    return { epoch: this.epoch, head: this.log.length, rows: page, next, unsettled: [] };
  }

  /** The hashes are PostgreSQL's, over the same SQL as a service's. */
  private async digest(question: DigestQuestion): Promise<Digest> {
    const { fields, rows } = this.things[question.thing]!;
    const columns = Object.entries({ key: 'uuid', version: 'integer', ...fields });
    const typed = columns.map(([name, type]) => `"${name}" ${type}`).join(', ');
    const { text, values } = digestStatement(
      {
        name: question.thing,
        from: `json_to_recordset($2) AS t (${typed})`,
        key: 't.key',
        version: 't.version',
        fields: Object.fromEntries(columns.map(([name]) => [name, `t."${name}"`])),
      },
      question,
    );
    const [row] = await this.stack.sql<{ buckets: Bucket[] }>(this.service, text, [...values!, JSON.stringify(rows())]);
    return cutDigest({ epoch: this.epoch, buckets: row!.buckets });
  }
}
