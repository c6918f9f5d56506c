import type { Account } from '../users/users.js';

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
