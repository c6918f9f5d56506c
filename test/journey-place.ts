import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { eventually, EventStream, HttpClient } from '#common/testing/index';
import { defaultAdminPassword } from '#stack/settings';
import type { CaughtMail } from '#stack/mail-pages';
import { LocalStack } from './local-stack.js';
import { guideSubscriber, nestSubscriber, oldSubscriber, plainSubscriber, type Subscriber } from './subscribers.js';

/** Where the main job is done: on a local stack of its own, or at the gateway that JOURNEY_GATEWAY names. */
export interface JourneyPlace {
  readonly gateway: HttpClient;
  readonly admin: { readonly email: string; readonly password: string };
  /** The page of caught mail. */
  readonly mail: string;
  /** Those who hear of what happens, the first one of every event of customers and licenses; as a user with an organization. */
  listen(user: { readonly url: string; readonly token: string }): Promise<Subscriber[]>;
  stop(): Promise<void>;
}

export const openPlace = (): Promise<JourneyPlace> | JourneyPlace =>
  process.env.JOURNEY_GATEWAY ? givenPlace(process.env.JOURNEY_GATEWAY) : localPlace();

async function localPlace(): Promise<JourneyPlace> {
  const stack = await LocalStack.start();
  const { gateway, mail, nats } = await stack.file();
  return {
    gateway: new HttpClient(gateway),
    admin: { email: 'admin@clarity.example', password: defaultAdminPassword },
    mail: mail!.page,
    listen: () =>
      Promise.all([
        plainSubscriber(nats),
        oldSubscriber(nats),
        nestSubscriber(nats),
        ...['plain', 'nest', 'durable'].map((name) => guideSubscriber(name, nats)),
      ]),
    stop: async () => assert.equal(await stack.stop(), 0),
  };
}

/** From outside there is HTTP only. Who the platform admin is stands in the environment, or in docker compose's .env. */
function givenPlace(gateway: string): JourneyPlace {
  const written = existsSync('.env') ? parseEnv(readFileSync('.env', 'utf8')) : {};
  const { CLARITY_ADMIN_EMAIL: email, CLARITY_ADMIN_PASSWORD: password, JOURNEY_MAIL } = { ...written, ...process.env };
  assert(email && password, 'CLARITY_ADMIN_EMAIL and CLARITY_ADMIN_PASSWORD are not known');
  return {
    gateway: new HttpClient(gateway.replace(/\/$/, '')),
    admin: { email, password },
    mail: JOURNEY_MAIL ?? 'http://localhost:18025',
    listen: async ({ url, token }) => [await feedSubscriber(url, token)],
    stop: async () => undefined,
  };
}

async function feedSubscriber(url: string, token: string): Promise<Subscriber> {
  const stream = await EventStream.open(url, '/v1/events?types=customer.*,license.*', token);
  assert.equal(stream.status, 200);
  return {
    get heard() {
      return stream.events.map(({ type, data }) => ({ type, id: data.id as string, data: data.data }));
    },
    close: async () => stream.close(),
  };
}

/** Somebody new, who follows the link in the mail where an address has to be confirmed. */
export async function signUp(
  { gateway, mail }: Pick<JourneyPlace, 'gateway' | 'mail'>,
  email: string,
): Promise<{ id: string; token: string }> {
  const password = 'correct horse battery';
  const { status, body } = await gateway.post('/auth/v1/signup', { email, password });
  assert.equal(status, 200);
  if (body.access_token) return { id: body.user.id, token: body.access_token };
  const link = await eventually(async () => {
    const caught = await new HttpClient(mail).get(`/mails?to=${encodeURIComponent(email)}`);
    const [first] = caught.body.data as CaughtMail[];
    assert(first, `no mail to ${email}`);
    return new URL(/^http\S+$/m.exec(first.text)![0]);
  }, 30_000);
  const followed = await fetch(gateway.url + link.pathname + link.search, { redirect: 'manual' });
  assert.equal(followed.status, 303);
  const signedIn = await gateway.post('/auth/v1/token?grant_type=password', { email, password });
  assert.equal(signedIn.status, 200);
  return { id: signedIn.body.user.id, token: signedIn.body.access_token };
}
