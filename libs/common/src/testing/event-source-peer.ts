import { randomUUID } from 'node:crypto';
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { readSubject, type ServiceName, watermarkSubject } from '../contracts/topology.js';
import { type LoggedEvent, toHeaders } from '../events/envelope.js';
import type { TestStack } from './test-stack.js';

export interface PeerEvent {
  readonly type: string;
  readonly aggregateId: string;
  readonly version: number;
  readonly data: object;
  readonly organizationId?: string;
  readonly actorId?: string;
}

/**
 * Stands in for a service that the test is not about, over the real protocol: a log, events on JetStream, watermarks,
 * and answers to questions, with that service's NATS rights.
 */
export class EventSourcePeer {
  readonly log: LoggedEvent[] = [];
  private readonly watermarks: NodeJS.Timeout;

  private constructor(
    readonly service: ServiceName,
    readonly connection: NatsConnection,
  ) {
    this.answer(readSubject(service), ({ after }: { after: number }) => ({
      watermark: this.watermark(),
      oldest: 1,
      events: this.log.slice(after, after + 500),
    }));
    this.watermarks = setInterval(() => this.announce(), 500);
  }

  static async start(stack: TestStack, service: ServiceName): Promise<EventSourcePeer> {
    const peer = new EventSourcePeer(service, await stack.connect(service));
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
      epoch: 1,
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
    const headers = toHeaders(this.service, event);
    // JetStream would swallow a repetition by its id, and the subscriber would never see it.
    headers.delete('Nats-Msg-Id');
    await jetstream(this.connection).publish(event.type, event.data, { headers });
  }

  answer<Question, Value>(subject: string, answer: (question: Question) => Value): void {
    this.connection.subscribe(subject, {
      callback: (error, message) => {
        if (!error) message.respond(JSON.stringify({ value: answer(message.json<Question>()) }));
      },
    });
  }

  announce(): void {
    this.connection.publish(watermarkSubject(this.service), JSON.stringify(this.watermark()));
  }

  private watermark() {
    return { epoch: 1, sequence: this.log.length, at: new Date().toISOString(), since: 0 };
  }
}
