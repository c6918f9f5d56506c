import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, type MicroserviceOptions, NatsContext, Payload, Transport } from '@nestjs/microservices';
import { connect } from '@nats-io/transport-node';
import { connect as connectOldClient, type MsgHdrs } from 'nats';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { StackFile } from './local-stack.js';

/** An event as somebody who knows nothing of Clarity receives it. */
export interface Heard {
  readonly type: string;
  readonly id: string | undefined;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as parsed
  readonly data: any;
}

export interface Subscriber {
  readonly heard: Heard[];
  close(): Promise<void>;
}

type Nats = StackFile['nats'];

const inboxPrefix = '_INBOX_subscriber';

interface PlainMessage {
  readonly subject: string;
  readonly headers?: { get(name: string): string } | undefined;
  json(): unknown;
}

/** What both generations of the client have in common. */
interface PlainConnection {
  subscribe(subject: string, options: { callback: (error: unknown, message: PlainMessage) => void }): unknown;
  flush(): Promise<void>;
  close(): Promise<void>;
}

async function listen(connection: PlainConnection): Promise<Subscriber> {
  const heard: Heard[] = [];
  for (const subject of ['license.*', 'customer.*']) {
    connection.subscribe(subject, {
      callback: (_error, message) => {
        heard.push({ type: message.subject, id: message.headers?.get('ce-id'), data: message.json() });
      },
    });
  }
  await connection.flush();
  return { heard, close: () => connection.close() };
}

/** A plain subscriber on today's client. */
export const plainSubscriber = async ({ url, user, password }: Nats): Promise<Subscriber> =>
  listen(await connect({ servers: url, user, pass: password, inboxPrefix }));

/** A plain subscriber on the retired client, version 2. */
export const oldSubscriber = async ({ url, user, password }: Nats): Promise<Subscriber> =>
  listen((await connectOldClient({ servers: url, user, pass: password, inboxPrefix })) as unknown as PlainConnection);

const heardByNest: Heard[] = [];

@Controller()
class LicenseListener {
  @EventPattern<string>('license.expired')
  onExpired(@Payload() data: unknown, @Ctx() context: NatsContext): void {
    const headers = context.getHeaders() as MsgHdrs;
    heardByNest.push({ type: context.getSubject(), id: headers.get('ce-id'), data });
  }
}

@Module({ controllers: [LicenseListener] })
class ListenerModule {}

/** A stock Nest microservice. */
export async function nestSubscriber({ url, user, password }: Nats): Promise<Subscriber> {
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(ListenerModule, {
    transport: Transport.NATS,
    options: { servers: [url], user, pass: password, inboxPrefix },
    logger: false,
  });
  await app.listen();
  return { heard: heardByNest, close: () => app.close() };
}

/** A subscriber of the guides, in a process of its own, by the lines that it prints of licenses. */
export async function guideSubscriber(name: string, { url, user, password }: Nats): Promise<Subscriber> {
  const child = spawn(process.execPath, [resolve('dist', 'docs', 'guides', 'examples', `${name}-subscriber.js`)], {
    env: { ...process.env, NATS_URL: url, NATS_USER: user, NATS_PASSWORD: password },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const heard: Heard[] = [];
  const reading = createInterface(child.stdout).on('line', (line) => {
    const [type, id, licenseId] = line.split(' ');
    if (licenseId !== undefined) heard.push({ type: type!, id, data: { licenseId } });
  });
  await once(reading, 'line', { signal: AbortSignal.timeout(60_000) });
  return { heard, close: async () => void child.kill('SIGKILL') };
}
