import type { Account, LinkedIdentity } from '../users/users.js';

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
    ...(user.newEmail !== null && { new_email: user.newEmail }),
    ...(user.invitedAt !== null && { invited_at: timeOf(user.invitedAt) }),
    email_confirmed_at: confirmedAt,
    phone: '',
    confirmed_at: confirmedAt,
    last_sign_in_at,
    app_metadata: user.appMetadata,
    user_metadata: user.userMetadata,
    identities: [
      ...(signsInByAddress(user) ? [emailIdentity(user)] : []),
      ...user.identities.map(linkedIdentity(user)),
    ],
    created_at,
    updated_at,
    is_anonymous: false,
    ...(user.factors?.length && { factors: user.factors }),
    ...(user.bannedUntil && { banned_until: timeOf(user.bannedUntil) }),
  };
}

function signsInByAddress({ email, appMetadata }: Account): boolean {
  const { providers } = appMetadata as { providers?: unknown };
  return email !== null && (!Array.isArray(providers) || providers.includes('email'));
}

const linkedIdentity =
  ({ id: user_id }: Account) =>
  ({ id, provider, subject, data, lastSignInAt, createdAt, updatedAt }: LinkedIdentity) => ({
    identity_id: id,
    id: subject,
    user_id,
    identity_data: data,
    provider,
    last_sign_in_at: lastSignInAt,
    created_at: createdAt,
    updated_at: updatedAt,
    ...(typeof data['email'] === 'string' && { email: data['email'] }),
  });

/** The way to sign in by the account's own address. */
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
