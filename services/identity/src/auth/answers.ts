import type { LiveSession } from '../sessions/sessions.js';
import type { Account } from '../users/users.js';
import { type AccessToken, accessTokenLifetime } from './access-tokens.js';

const timeOf = (at: Date | null): string | null => at?.toISOString() ?? null;

/** A user as Supabase Auth answers it. */
export function userAnswer(user: Account) {
  const { id, email } = user;
  const [created_at, updated_at, last_sign_in_at] = [user.createdAt, user.updatedAt, user.lastSignInAt].map(timeOf);
  const confirmedAt = timeOf(user.emailConfirmedAt);
  return {
    id,
    aud: 'authenticated',
    role: 'authenticated',
    email: email ?? '',
    email_confirmed_at: confirmedAt,
    phone: '',
    confirmed_at: confirmedAt,
    last_sign_in_at,
    app_metadata: user.appMetadata,
    user_metadata: user.userMetadata,
    identities: email === null ? [] : [emailIdentity(user)],
    created_at,
    updated_at,
    is_anonymous: false,
  };
}

/** The way to sign in that every account with an address has. */
function emailIdentity({ id, email, emailConfirmedAt, createdAt, lastSignInAt, updatedAt }: Account) {
  return {
    identity_id: id,
    id,
    user_id: id,
    identity_data: { sub: id, email, email_verified: emailConfirmedAt !== null, phone_verified: false },
    provider: 'email',
    last_sign_in_at: timeOf(lastSignInAt),
    created_at: timeOf(createdAt),
    updated_at: timeOf(updatedAt),
    email,
  };
}

/** A session as Supabase Auth answers it. */
export function sessionAnswer({ user, refreshToken }: LiveSession, access: AccessToken) {
  return {
    access_token: access.token,
    token_type: 'bearer',
    expires_in: accessTokenLifetime,
    expires_at: access.expiresAt,
    refresh_token: refreshToken,
    user: userAnswer(user),
  };
}
