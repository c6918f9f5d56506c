import type { JetStreamApiError } from '@nats-io/jetstream';
import { createInbox, type Msg, type MsgHdrs, type NatsConnection, type Subscription } from '@nats-io/transport-node';

/** Milliseconds that JetStream has to acknowledge a batch. */
const acknowledgeWithin = 5_000;

export interface OutgoingMessage {
  readonly subject: string;
  readonly data: string;
  readonly headers: MsgHdrs;
}

interface Acknowledgement {
  readonly stream?: string;
  readonly seq?: number;
  readonly error?: JetStreamApiError;
}

interface Waiting {
  /** Reply subjects of the messages that are not acknowledged yet. */
  readonly open: Set<string>;
  readonly resolve: (lastSequence: number) => void;
  readonly reject: (error: Error) => void;
  lastSequence: number;
}

/**
 * Publishes batches to one stream and awaits all their acknowledgements on one inbox: a request of the client's own for
 * each message costs a timer, a promise and a stack trace more.
 */
export class AcknowledgedPublisher {
  private subscription: Subscription | undefined;
  private connection: NatsConnection | undefined;
  private inbox = '';
  private waiting: Waiting | undefined;
  private published = 0;

  constructor(
    private readonly stream: string,
    private readonly inboxPrefix: string,
  ) {}

  /** Resolves with the last stream sequence when every message is acknowledged by the stream; one batch at a time. */
  async publish(connection: NatsConnection, messages: readonly OutgoingMessage[]): Promise<number> {
    this.listenOn(connection);
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<number>((resolve, reject) => {
        const open = new Set<string>();
        this.waiting = { open, resolve, reject, lastSequence: 0 };
        timer = setTimeout(() => reject(new Error('JetStream did not acknowledge in time')), acknowledgeWithin);
        for (const { subject, data, headers } of messages) {
          const reply = `${this.inbox}.${(this.published += 1)}`;
          open.add(reply);
          connection.publish(subject, data, { headers, reply });
        }
      });
    } finally {
      clearTimeout(timer);
      this.waiting = undefined;
    }
  }

  private listenOn(connection: NatsConnection): void {
    if (this.connection === connection && this.subscription?.isClosed() === false) return;
    this.connection = connection;
    this.inbox = createInbox(this.inboxPrefix);
    this.subscription = connection.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => this.acknowledge(error, message),
    });
  }

  /** Believes only what names the expected stream and an integer sequence: anybody who hears an event can answer to it. */
  private acknowledge(error: Error | null, message: Msg): void {
    const { waiting } = this;
    if (!waiting) return;
    if (error) return waiting.reject(error);
    if (!waiting.open.has(message.subject)) return;
    if (message.headers?.code === 503) return waiting.reject(new Error(`there is no stream ${this.stream}`));
    const { stream, seq, error: refused } = parse(message);
    if (refused) return waiting.reject(new Error(`JetStream refused an event: ${JSON.stringify(refused)}`));
    if (stream !== this.stream || !Number.isSafeInteger(seq)) return;
    waiting.open.delete(message.subject);
    waiting.lastSequence = Math.max(waiting.lastSequence, seq!);
    if (waiting.open.size === 0) waiting.resolve(waiting.lastSequence);
  }
}

function parse(message: Msg): Acknowledgement {
  try {
    return message.json<Acknowledgement>();
  } catch {
    return {};
  }
}
