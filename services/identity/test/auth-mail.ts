import { expect } from '@jest/globals';
import { GoTrueClient } from '@supabase/auth-js';
import { eventually } from '#common/testing/index';
import type { MailCatcher } from '#stack/mail-catcher';
import type { CaughtMail } from '#stack/mail-pages';

/** Where the links of a test lead in the end. */
export const site = 'http://app.example';

/** Settings of identity that make it send mail. */
export const mailSettings = (smtp: string): NodeJS.ProcessEnv => ({
  AUTH_AUTOCONFIRM: 'false',
  SMTP_URL: smtp,
  SITE_URL: site,
  REDIRECT_URLS: 'https://*.app.example/**,https://exact.example/done,myapp://callback',
});

/** The unmodified client of Supabase, as one browser has it. */
export function clientOf(url: string, flowType: 'implicit' | 'pkce' = 'implicit'): GoTrueClient {
  const items = new Map<string, string>();
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
  return new GoTrueClient({
    url: `${url}/auth/v1`,
    autoRefreshToken: false,
    persistSession: true,
    detectSessionInUrl: false,
    flowType,
    storage,
  });
}

/** The newest mail to an address with this subject, once it has been caught. */
export const mailTo = (catcher: MailCatcher, address: string, subject: string): Promise<CaughtMail> =>
  eventually(() => {
    const [mail] = catcher.mails(address).filter((one) => one.subject === subject);
    expect({ address, subjects: catcher.mails(address).map((one) => one.subject) }).toEqual({
      address,
      subjects: expect.arrayContaining([subject]),
    });
    return mail!;
  }, 30_000);

export const codeOf = ({ text }: CaughtMail): string => /^Your code: (\d{6})$/m.exec(text)![1]!;

export const linkOf = ({ text }: CaughtMail): URL => new URL(/^http\S+$/m.exec(text)![0]);

export const tokenOf = (mail: CaughtMail): string => linkOf(mail).searchParams.get('token')!;

/** What a browser is told by a link of a mail. */
export interface Followed {
  readonly status: number;
  /** Without query and fragment. */
  readonly at: string;
  readonly query: Readonly<Record<string, string>>;
  readonly fragment: Readonly<Record<string, string>>;
}

/** Follows a link, at whichever replica, up to where it leads out of the service. */
export async function follow(url: string, link: URL, method = 'GET'): Promise<Followed> {
  const response = await fetch(`${url}${link.pathname}${link.search}`, { method, redirect: 'manual' });
  await response.body?.cancel();
  expect(response.headers.get('cache-control')).toBe('no-store');
  const location = new URL(response.headers.get('location')!);
  const at = location.href.split(/[?#]/)[0]!;
  const query = Object.fromEntries(location.searchParams);
  return {
    status: response.status,
    at,
    query,
    fragment: Object.fromEntries(new URLSearchParams(location.hash.slice(1))),
  };
}
