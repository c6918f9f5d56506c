import { setTimeout as delay } from 'node:timers/promises';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import {
  connect,
  headers,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  nanos,
  type Payload,
} from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { inboxPrefix } from '../contracts/topology.js';
import { Problem, unavailable } from '../http/problem.js';
import { within } from '../observability/span.js';
import type { RecordedTrace, StepEnd, Trace } from '../observability/trace.js';
import type { Tracing } from '../observability/tracing.js';

export { nanos };

export interface BrokerOptions {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly logger: Logger;
  readonly tracing: Tracing;
}

/** Answers a question, which may be a step of a trace. */
type Answerer = (question: unknown, trace?: Trace) => Promise<unknown>;

/** Milliseconds that an owner has to answer a question. */
const answerWithin = 2_000;
/** Milliseconds that NATS has to take what is left when the process stops. */
const drainWithin = 2_000;

/**
 * The connection to NATS. It is made and made again in the background: a service starts and answers without it, and every
 * part that needs it asks `connected` or listens with `onConnect`.
 */
export class Broker {
  private connection: NatsConnection | undefined;
  private reachable = false;
  private stopping = false;
  private readonly listeners: (() => void)[] = [];
  private readonly answers: { subject: string; answer: Answerer }[] = [];

  constructor(private readonly options: BrokerOptions) {}

  get connected(): boolean {
    return this.reachable;
  }

  /** Called on every connect and reconnect. */
  onConnect(listener: () => void): void {
    this.listeners.push(listener);
    if (this.reachable) listener();
  }

  /** Begins to connect; never fails. */
  start(): void {
    void this.connectForever();
  }

  private async connectForever(): Promise<void> {
    const { url, user, password, logger } = this.options;
    for (let attempt = 1; !this.stopping && !this.connection; attempt += 1) {
      try {
        this.connection = await connect({
          servers: url,
          user,
          pass: password,
          name: user,
          inboxPrefix: inboxPrefix(user),
          maxReconnectAttempts: -1,
          reconnectTimeWait: 250,
          pingInterval: 5_000,
          maxPingOut: 2,
          // A stack trace kept for each request, in case it fails, costs more than the request.
          noAsyncTraces: true,
        });
      } catch (error) {
        if (attempt % 20 === 1) logger.warn({ err: error }, 'waiting for NATS');
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    }
    if (!this.connection) return;
    if (this.stopping) return this.connection.close();
    for (const { subject, answer } of this.answers) this.serve(this.connection, subject, answer);
    this.announce();
    void this.watch(this.connection);
  }

  private announce(): void {
    this.reachable = true;
    this.options.logger.info('connected to NATS');
    for (const listener of this.listeners) listener();
  }

  private async watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === 'reconnect') this.announce();
      if (status.type === 'error') this.options.logger.warn({ err: status.error }, 'NATS refused something');
      if (status.type === 'disconnect' || status.type === 'staleConnection') {
        if (this.reachable) this.options.logger.warn('lost NATS');
        this.reachable = false;
      }
    }
    this.reachable = false;
    this.connection = undefined;
    if (!this.stopping) await this.connectForever();
  }

  /** The live connection; raises 503 while there is none. */
  live(): NatsConnection {
    if (!this.connection || !this.reachable) throw unavailable('NATS');
    return this.connection;
  }

  jetstream(): JetStreamClient {
    return jetstream(this.live());
  }

  manager(): Promise<JetStreamManager> {
    return jetstreamManager(this.live(), { checkAPI: false, timeout: answerWithin });
  }

  publish(subject: string, payload: Payload): void {
    this.live().publish(subject, payload);
  }

  /** Puts a question to an owner; raises 503 when none answers in time, or what the owner raised. */
  ask<Answer>(subject: string, question: object, trace?: Trace): Promise<Answer> {
    if (!trace?.span) return this.put(subject, question);
    const step = trace.span.begin(`ask ${subject}`, 'client');
    return within(step, toldOf('ask', subject), () => this.put(subject, question, step));
  }

  private async put<Answer>(subject: string, question: object, step?: RecordedTrace): Promise<Answer> {
    let reply: Msg;
    try {
      const options = { timeout: answerWithin, ...(step && { headers: headersOf(step) }) };
      reply = await this.live().request(subject, JSON.stringify(question), options);
    } catch (error) {
      throw error instanceof Problem ? error : unavailable(`The owner of '${subject}'`, error);
    }
    const { value, problem } = reply.json<{
      value?: Answer;
      problem?: { status: number; code: string; detail: string };
    }>();
    if (problem) throw new Problem(problem.status, problem.code, problem.detail);
    return value as Answer;
  }

  /** Answers questions on a subject; one replica answers each. */
  answer(subject: string, answer: Answerer): void {
    this.answers.push({ subject, answer });
    if (this.connection) this.serve(this.connection, subject, answer);
  }

  private serve(connection: NatsConnection, subject: string, answer: Answerer): void {
    connection.subscribe(subject, {
      queue: 'owner',
      callback: (error, message) => {
        if (!error) void this.reply(message, answer);
      },
    });
  }

  private async reply(message: Msg, answer: Answerer): Promise<void> {
    const { subject } = message;
    const step = this.options.tracing.follow(message.headers?.get('traceparent'), 'server');
    try {
      const value = await (step
        ? within(step, toldOf('answer', subject), () => answer(message.json(), step))
        : answer(message.json()));
      message.respond(JSON.stringify({ value }));
    } catch (error) {
      const known = error instanceof Problem;
      if (!known) this.options.logger.error({ err: error, subject }, 'a question failed');
      const { status, code, detail } = known ? error : unavailable('The answer');
      message.respond(JSON.stringify({ problem: { status, code, detail } }));
    }
  }

  /**
   * Hears core NATS messages on a subject, on this connection and all that follow it.
   *
   * @param queue replicas that name the same one share the messages; without it each hears all.
   */
  hear(subject: string, listener: (message: Msg) => void, queue?: string): void {
    let current: NatsConnection | undefined;
    this.onConnect(() => {
      if (this.connection === current) return;
      current = this.connection;
      current?.subscribe(subject, {
        ...(queue !== undefined && { queue }),
        callback: (error, message) => {
          if (!error) listener(message);
        },
      });
    });
  }

  /** Sends what is buffered, then closes. The client would wait for ever for a NATS that is out of reach. */
  async stop(): Promise<void> {
    const { connection, reachable } = this;
    this.stopping = true;
    this.reachable = false;
    if (!connection) return;
    const patience = delay(drainWithin, undefined, { ref: false });
    if (reachable) await Promise.race([connection.drain(), patience]).catch(() => undefined);
    await connection.close();
  }
}

function headersOf({ traceparent }: Trace): MsgHdrs {
  const carried = headers();
  carried.set('traceparent', traceparent);
  return carried;
}

const toldOf = (operation: 'ask' | 'answer', subject: string): StepEnd => ({
  name: `${operation} ${subject}`,
  attributes: {
    'messaging.system': 'nats',
    'messaging.operation.name': operation,
    'messaging.destination.name': subject,
  },
});
