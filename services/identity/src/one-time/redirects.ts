import { Injectable } from '@nestjs/common';
import { IdentityConfig } from '../identity.config.js';
import { patternsOf } from './redirect-patterns.js';

/** Characters of a `redirect_to`. */
const lengthLimit = 2_000;

/** Decides where a browser may be sent: to the site itself, and to what the operator allows. */
@Injectable()
export class Redirects {
  /** Where a browser goes that may go nowhere else. */
  readonly site: string;
  private readonly siteOrigin: string;
  private readonly allowed: readonly RegExp[];
  private readonly invitationPage: string;

  constructor({ SITE_URL, PUBLIC_URL, REDIRECT_URLS, INVITATION_PATH }: IdentityConfig) {
    this.site = SITE_URL ?? PUBLIC_URL;
    this.siteOrigin = new URL(this.site).origin;
    this.invitationPage = `${this.site.replace(/\/$/, '')}${INVITATION_PATH}`;
    this.allowed = REDIRECT_URLS === undefined ? [] : patternsOf(REDIRECT_URLS);
  }

  /** The URL that a client asks for, as a browser will read it, if it is allowed; else the site. */
  resolve(given: unknown): string {
    if (typeof given !== 'string' || given.length > lengthLimit || !URL.canParse(given)) return this.site;
    const url = new URL(given);
    url.hash = '';
    if (url.username !== '' || url.password !== '') return this.site;
    if (url.origin === this.siteOrigin) return url.href;
    const written = url.pathname === '/' && url.search === '' ? [url.href, url.href.slice(0, -1)] : [url.href];
    return written.some((href) => this.allowed.some((pattern) => pattern.test(href))) ? url.href : this.site;
  }

  /** The application's page that accepts an invitation to an organization. */
  invitationUrl(token: string): string {
    return `${this.invitationPage}?token=${token}`;
  }
}
