import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import { type AuthChangeEvent, type AuthError, GoTrueAdminApi, GoTrueClient, type Session } from '@supabase/auth-js';
import { newEmail, password } from './identity.js';

/** What one browser keeps; its tabs share it. The client remembers keys for verification by the name of its storage. */
export interface Storage {
  readonly key: string;
  readonly items: Map<string, string>;
}

const newStorage = (): Storage => ({ key: randomUUID(), items: new Map() });

/** Supabase's client, unmodified, as one tab of a browser has it. */
export interface Tab {
  readonly auth: GoTrueClient;
  readonly storage: Storage;
  /** Method and path of each request that the client has sent. */
  readonly requests: string[];
  readonly events: AuthChangeEvent[];
  session(): Promise<Session>;
}

/** A tab on the service at this URL; its client is told of nothing but the URL. */
export async function openTab(url: string, storage = newStorage(), autoRefreshToken = false): Promise<Tab> {
  const requests: string[] = [];
  const events: AuthChangeEvent[] = [];
  const auth = new GoTrueClient({
    url: `${url}/auth/v1`,
    storageKey: storage.key,
    storage: {
      getItem: (key: string) => storage.items.get(key) ?? null,
      setItem: (key: string, value: string) => void storage.items.set(key, value),
      removeItem: (key: string) => void storage.items.delete(key),
    },
    autoRefreshToken,
    detectSessionInUrl: false,
    fetch: (input, init) => {
      requests.push(`${init?.method} ${new URL(String(input)).pathname}`);
      return fetch(input, init);
    },
  });
  await auth.initialize();
  auth.onAuthStateChange((event) => void events.push(event));
  const session = async (): Promise<Session> => (await auth.getSession()).data.session!;
  return { auth, storage, requests, events, session };
}

/** A tab in which somebody new has signed up. */
export async function signedUp(url: string, email = newEmail()): Promise<Tab & { readonly email: string }> {
  const tab = await openTab(url);
  good(await tab.auth.signUp({ email, password }));
  return { ...tab, email };
}

/** A tab in which somebody has signed in. */
export async function signedIn(url: string, email: string, secret = password): Promise<Tab> {
  const tab = await openTab(url);
  good(await tab.auth.signInWithPassword({ email, password: secret }));
  return tab;
}

/** What an administrator's program has: the client that takes an access token, and no session. */
export const adminApi = (url: string, token: string): GoTrueAdminApi =>
  new GoTrueAdminApi({ url: `${url}/auth/v1`, headers: { Authorization: `Bearer ${token}` } });

interface Answered {
  readonly data: unknown;
  readonly error: AuthError | null;
}

/** The data of an answer that must not be an error. */
export function good<Answer extends Answered>({ data, error }: Answer) {
  expect(error).toBeNull();
  return data as NonNullable<Extract<Answer, { error: null }>['data']>;
}

/** Class, status and code of an answer's error. */
export const failure = ({ error }: { error: AuthError | null }): string =>
  error === null ? 'none' : [error.name, error.status, error.code].filter((part) => part !== undefined).join(' ');

/** Makes a session's access token look as if it expired in so many seconds, to the client that keeps it. */
export function expireIn({ key, items }: Storage, seconds: number): void {
  const session = JSON.parse(items.get(key)!) as Session;
  items.set(key, JSON.stringify({ ...session, expires_at: Math.floor(Date.now() / 1_000) + seconds }));
}
