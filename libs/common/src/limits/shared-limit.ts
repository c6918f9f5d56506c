import { randomUUID } from 'node:crypto';
import { Broker, type BrokerOptions } from '../events/broker.js';
import type { RequestLimit, Told } from './request-limit.js';

/** Milliseconds between two signs of life, and how many of its own a replica hears before it takes a silent one for gone. */
const signEvery = 1_000;
const silence = 4;
/** Clients told of in one message at most. */
const batchLimit = 1_000;

interface Message {
  readonly from: string;
  readonly counts: readonly Told[];
}

/**
 * One limit over all replicas of a process, by core NATS messages on a subject that only they may use. Each hears its own
 * messages too, which tells that NATS delivers. Without NATS nothing waits and nothing is let through that would not be:
 * the replicas stay at the number they were, and each gives out its share.
 */
export class SharedLimit {
  private readonly id = randomUUID();
  private readonly due = new Set<string>();
  /** The other replicas, each with the sign of life of this one after which it was heard last. */
  private readonly others = new Map<string, number>();
  private signs = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly broker: Broker,
    private readonly subject: string,
    readonly limit: RequestLimit,
  ) {}

  start(): void {
    const { broker, limit } = this;
    limit.onDue = (key) => this.tellSoon(key);
    broker.hear(this.subject, (message) => this.receive(message.json<Message>()));
    broker.onConnect(() => {
      limit.tellAgain();
      this.send([]);
    });
    this.timer = setInterval(() => this.send([]), signEvery).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** All that falls due in one turn of the event loop is one message. */
  private tellSoon(key: string): void {
    if (!this.broker.connected) return;
    if (this.due.size === 0) setImmediate(() => this.tell());
    if (this.due.size < batchLimit) this.due.add(key);
  }

  private tell(): void {
    const keys = [...this.due];
    this.due.clear();
    if (!this.broker.connected) return;
    this.send(keys.flatMap((key) => this.limit.untold(key) ?? []));
  }

  private send(counts: readonly Told[]): void {
    if (!this.broker.connected) return;
    this.broker.publish(this.subject, JSON.stringify({ from: this.id, counts } satisfies Message));
  }

  private receive({ from, counts }: Message): void {
    if (from !== this.id) {
      const isNew = !this.others.has(from);
      this.others.set(from, this.signs);
      if (isNew) this.send([]);
      for (const count of counts) this.limit.hear(count);
    } else if (counts.length > 0) {
      for (const count of counts) this.limit.confirm(count);
    } else {
      this.signs += 1;
      for (const [other, heard] of this.others) if (this.signs - heard > silence) this.others.delete(other);
    }
    this.limit.replicas = this.others.size + 1;
  }
}

/** The same for a process that has no other use for NATS: with a connection of its own. */
export class SeparateSharedLimit {
  private readonly broker: Broker;
  private readonly sharing: SharedLimit;

  constructor(nats: BrokerOptions, subject: string, limit: RequestLimit) {
    this.broker = new Broker(nats);
    this.sharing = new SharedLimit(this.broker, subject, limit);
  }

  start(): void {
    this.broker.start();
    this.sharing.start();
  }

  async stop(): Promise<void> {
    this.sharing.stop();
    await this.broker.stop();
  }
}
