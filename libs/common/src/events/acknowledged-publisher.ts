import { JetStreamApiCodes } from '@nats-io/jetstream';
import { createInbox, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { HeaderBlock } from './envelope.js';

/** Milliseconds that JetStream has to acknowledge a batch. */
const acknowledgeWithin = 5_000;

export interface OutgoingMessage {
  readonly subject: string;
  readonly data: string;
  readonly headerLines: string;
}

/** How JetStream took a batch. */
export interface Outcome {
  /** Messages from the first on that the stream holds. */
  readonly acknowledged: number;
  /** Stream sequence of the last message that the stream holds; 0 without any. */
  readonly lastSequence: number;
  /** True when the stream took a message after one that it refused: a stranger's stands in its place. */
  readonly isHoled: boolean;
  /** Why the next one was refused: the stream is gone, or does not end where it was expected to. */
  readonly refused?: string;
}

interface Acknowledgement {
  readonly stream?: string;
  readonly seq?: number;
  readonly error?: { readonly err_code?: number; readonly description?: string };
}

interface Batch {
  /** Number of its first message among all that were published. */
  readonly first: number;
  /** Stream sequences by message; 0 while it is not answered, NaN when it was refused. */
  readonly sequences: Float64Array;
  open: number;
  refused?: string;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Publishes batches to one stream and awaits all their acknowledgements on one inbox: a request of the client's own for
 * each message costs a timer, a promise and a stack trace more. Each message names the stream sequence that has to be the
 * last before it, so what is sent from two places, or into a stream that has lost events, is refused, not mixed in.
 */
export class AcknowledgedPublisher {
  private subscription: Subscription | undefined;
  private connection: NatsConnection | undefined;
  private inbox = '';
  private readonly batches = new Set<Batch>();
  private published = 0;

  constructor(
    private readonly stream: string,
    private readonly inboxPrefix: string,
  ) {}

  /** Resolves when every message is answered; rejects when that takes too long, or for want of room and the like. */
  async publish(
    connection: NatsConnection,
    messages: readonly OutgoingMessage[],
    lastSequence: number,
  ): Promise<Outcome> {
    this.listenOn(connection);
    let timer: NodeJS.Timeout | undefined;
    let batch: Batch | undefined;
    try {
      return await new Promise<Outcome>((resolve, reject) => {
        const sequences = new Float64Array(messages.length);
        batch = { first: this.published, sequences, open: messages.length, resolve, reject };
        this.batches.add(batch);
        timer = setTimeout(() => reject(new Error('JetStream did not acknowledge in time')), acknowledgeWithin);
        for (const [index, { subject, data, headerLines }] of messages.entries()) {
          const headers = new HeaderBlock(`${headerLines}\r\nNats-Expected-Last-Sequence: ${lastSequence + index}`);
          connection.publish(subject, data, { headers, reply: `${this.inbox}.${this.published}` });
          this.published += 1;
        }
      });
    } finally {
      clearTimeout(timer);
      this.batches.delete(batch!);
    }
  }

  private listenOn(connection: NatsConnection): void {
    if (this.connection === connection && this.subscription?.isClosed() === false) return;
    this.connection = connection;
    this.inbox = createInbox(this.inboxPrefix);
    this.subscription = connection.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => this.hear(error, message),
    });
  }

  private hear(error: Error | null, message: Msg): void {
    if (error) return this.batches.forEach((batch) => batch.reject(error));
    const number = Number(message.subject.slice(this.inbox.length + 1));
    for (const batch of this.batches) {
      const index = number - batch.first;
      if (batch.sequences[index] === 0) this.acknowledge(batch, index, message);
    }
  }

  /** Believes only what names the expected stream and an integer sequence: anybody who hears an event can answer to it. */
  private acknowledge(batch: Batch, index: number, message: Msg): void {
    const { stream, seq, error } = parse(message);
    const missing = message.headers?.code === 503;
    if (error && error.err_code !== JetStreamApiCodes.StreamWrongLastSequence)
      return batch.reject(new Error(`JetStream refused an event: ${JSON.stringify(error)}`));
    if (missing || error) {
      batch.sequences[index] = NaN;
      batch.refused ??= missing ? `there is no stream ${this.stream}` : error!.description;
    } else if (stream === this.stream && Number.isSafeInteger(seq) && seq! > 0) {
      batch.sequences[index] = seq!;
    } else return;
    batch.open -= 1;
    if (batch.open === 0) batch.resolve(outcomeOf(batch));
  }
}

function outcomeOf({ sequences, refused }: Batch): Outcome {
  const gap = sequences.findIndex((sequence) => Number.isNaN(sequence));
  const acknowledged = gap < 0 ? sequences.length : gap;
  const taken = sequences.filter((sequence) => !Number.isNaN(sequence));
  const lastSequence = taken.reduce((last, sequence) => Math.max(last, sequence), 0);
  return {
    acknowledged,
    lastSequence,
    isHoled: taken.length > acknowledged,
    ...(refused !== undefined && { refused }),
  };
}

function parse(message: Msg): Acknowledgement {
  try {
    return message.json<Acknowledgement>();
  } catch {
    return {};
  }
}
