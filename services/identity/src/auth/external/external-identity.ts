import type { JWTPayload } from 'jose';
import { isEmail } from 'class-validator';
import { normalizeEmail } from '../../users/email-address.js';
import type { IssuerSettings } from './issuer-settings.js';

/** Characters of what an issuer says about a user, which is kept and shown. */
const limits = { subject: 255, name: 200, picture: 1_000 } as const;

/** Who somebody is by the word of an issuer. */
export interface ExternalIdentity {
  readonly provider: string;
  readonly subject: string;
  /** Null without one that can be an address here. */
  readonly email: string | null;
  readonly emailVerified: boolean;
  /** As `identity_data` of Supabase Auth. */
  readonly data: Readonly<Record<string, unknown>>;
}

const textOf = (value: unknown, limit: number): string | null =>
  typeof value === 'string' &&
  value.length > 0 &&
  value.length <= limit &&
  !value.includes('\0') &&
  value.isWellFormed()
    ? value
    : null;

/** Picks what Clarity keeps out of an issuer's claims; undefined for a subject that cannot be one. */
export function externalIdentityOf(
  { name: provider, issuer, claims: names }: IssuerSettings,
  claims: JWTPayload,
): ExternalIdentity | undefined {
  const subject = textOf(claims.sub, limits.subject);
  if (subject === null) return undefined;
  const address = normalizeEmail(textOf(claims[names.email], 254) ?? '');
  const email = /^[\x21-\x7e]+$/.test(address) && isEmail(address) ? address : null;
  const verified = claims[names.email_verified];
  const emailVerified = email !== null && (verified === true || verified === 'true');
  const name = textOf(claims[names.name], limits.name);
  const picture = textOf(claims[names.picture], limits.picture);
  const data = {
    iss: issuer,
    sub: subject,
    provider_id: subject,
    ...(email !== null && { email }),
    email_verified: emailVerified,
    phone_verified: false,
    ...(name !== null && { name, full_name: name }),
    ...(picture !== null && { picture, avatar_url: picture }),
  };
  return { provider, subject, email, emailVerified, data };
}
