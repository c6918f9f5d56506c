import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { setTimeout as delay } from 'node:timers/promises';
import { type ServiceName, serviceNames, topology } from '#common/contracts/topology';
import type { Cluster } from './cluster.js';

export interface HeardEvent {
  readonly id: string;
  readonly aggregateId: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly version: number;
}

const durable = 'outsider';
/** Milliseconds after which a pull is given up. */
const receiveWithin = 6_000;

/**
 * Somebody outside of Clarity with a durable consumer of their own on every stream, made again where it was lost with its
 * stream; keeps each event the first time it comes, as told apart by `ce-id`.
 */
export class Outsider {
  readonly heard = Object.fromEntries(serviceNames.map((service) => [service, new Map()])) as Record<
    ServiceName,
    Map<string, HeardEvent>
  >;
  /** Messages, repetitions included. */
  messages = 0;
  private stopped = false;
  private connection: NatsConnection | undefined;
  private connecting: Promise<NatsConnection> | undefined;
  private readonly listening: Promise<void>[] = [];

  constructor(private readonly cluster: Cluster) {}

  start(): void {
    for (const service of serviceNames) this.listening.push(this.listen(service));
  }

  /** The administrator's password changes with every start of the server. */
  private async connected(): Promise<NatsConnection> {
    if (this.connection && !this.connection.isClosed()) return this.connection;
    const { url, administrator } = this.cluster.nats;
    this.connecting ??= connect({
      servers: url,
      user: administrator!.user,
      pass: administrator!.password,
      reconnect: false,
      timeout: 3_000,
      pingInterval: 2_000,
    }).finally(() => (this.connecting = undefined));
    this.connection = await this.connecting;
    return this.connection;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.listening);
    await this.connection?.close();
  }

  private async listen(service: ServiceName): Promise<void> {
    while (!this.stopped) {
      // A pull that was under way when the server went down may never end.
      await Promise.race([this.receive(service), delay(receiveWithin)]).catch(() => delay(300));
    }
  }

  private async receive(service: ServiceName): Promise<void> {
    const connection = await this.connected();
    const { stream } = topology[service];
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 2_000 });
    await manager.consumers.add(stream, {
      durable_name: durable,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      max_ack_pending: 500,
    });
    const consumer = await jetstream(connection, { timeout: 2_000 }).consumers.get(stream, durable);
    const messages = await consumer.fetch({ max_messages: 200, expires: 1_000 });
    for await (const message of messages) {
      this.messages += 1;
      const value = (name: string): string => message.headers?.get(name) ?? '';
      const id = value('ce-id');
      if (!this.heard[service].has(id)) {
        this.heard[service].set(id, {
          id,
          aggregateId: value('ce-subject'),
          epoch: Number(value('ce-epoch')),
          sequence: Number(value('ce-sequence')),
          version: Number(value('ce-aggregateversion')),
        });
      }
      message.ack();
    }
  }
}
