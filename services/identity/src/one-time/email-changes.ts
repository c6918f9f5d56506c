import { Injectable } from '@nestjs/common';
import type { RequestTx, Tx } from '#common/database/index';
import type { CodeChallenge } from '../auth/flow-states.js';
import { IdentityConfig } from '../identity.config.js';
import { Mails } from '../mail/mails.js';
import { profileColumns } from '../profiles/profile.columns.js';
import { Profile } from '../profiles/profile.entity.js';
import { tellProfileDeleted, tellProfileUpdated } from '../profiles/profile.events.js';
import { emailExists } from '../users/user.errors.js';
import { User } from '../users/user.entity.js';
import { tellUserUpdated } from '../users/user.events.js';
import { type Account } from '../users/users.js';
import type { UsedToken } from './one-time-tokens.js';
import { TokenMails } from './token-mails.js';

/** How a sign-in or a change that goes by mail is to be finished. */
export interface Continuation {
  readonly codeChallenge: CodeChallenge | null;
  readonly redirectTo: string;
}

/** Changes of a user's address: whoever reads the mail of the new one agrees, and by default of the old one, too. */
@Injectable()
export class EmailChanges {
  constructor(
    private readonly tokenMails: TokenMails,
    private readonly mails: Mails,
    private readonly config: IdentityConfig,
  ) {}

  /** Notes what the caller's address is to become, and asks both addresses. Raises 422 `email_exists`. */
  async request(tx: RequestTx, user: Account, newEmail: string, continuation: Continuation): Promise<void> {
    const [found] = await tx.query<{ taken: boolean }>(`SELECT app.address_taken($1) AS taken`, [newEmail]);
    if (found!.taken) throw emailExists();
    if (user.email !== null) await this.mails.takeTurn(tx, 'email_change', user.email);
    await this.mails.takeTurn(tx, 'email_change', newEmail);
    tx.update(User, { id: user.id }, { newEmail, updatedAt: tx.now });
    this.ask(tx, user, newEmail, continuation);
  }

  /** Sends links to both addresses; earlier ones are void. */
  ask(tx: Tx, { id: userId, email, emailConfirmedAt }: Account, newEmail: string, continuation: Continuation): void {
    const request = { userId, newEmail, ...continuation };
    this.tokenMails.send(tx, { ...request, purpose: 'email_change_new', email: newEmail });
    if (!this.config.AUTH_SECURE_EMAIL_CHANGE || email === null || emailConfirmedAt === null) return;
    this.tokenMails.send(tx, { ...request, purpose: 'email_change_current', email });
  }

  /**
   * Takes note that one address agrees, after its token was used up and the user locked. Answers the user with the new
   * address, `waiting` while the other address has to agree, undefined when the change is no longer wanted.
   */
  async agree(tx: Tx, user: Account, token: UsedToken): Promise<Account | 'waiting' | undefined> {
    const { newEmail } = user;
    if (newEmail === null || token.email !== (token.purpose === 'email_change_new' ? newEmail : user.email)) {
      return undefined;
    }
    const [state] = await tx.query<{ agreed: boolean; waiting: boolean }>(
      `SELECT coalesce(bool_or(t.purpose = 'email_change_new' AND t.email = $2 AND t.used_at IS NOT NULL), false) AS agreed,
         coalesce(bool_or(t.purpose = 'email_change_current' AND t.used_at IS NULL), false) AS waiting
       FROM one_time_tokens AS t WHERE t.user_id = $1`,
      [user.id, newEmail],
    );
    if (!state!.agreed || (this.config.AUTH_SECURE_EMAIL_CHANGE && state!.waiting)) return 'waiting';
    return this.complete(tx, user, newEmail);
  }

  private async complete(tx: Tx, user: Account, email: string): Promise<Account> {
    const taken = await tx.query(`SELECT FROM users AS u WHERE u.email = $1 AND u.id <> $2`, [email, user.id]);
    if (taken.length > 0) throw emailExists();
    const change = {
      email,
      newEmail: null,
      emailConfirmedAt: tx.now,
      lastSignInAt: tx.now,
      updatedAt: tx.now,
      version: user.version + 1,
    };
    const changed = { ...user, ...change };
    tx.update(User, { id: user.id, version: user.version }, change);
    tellUserUpdated(tx, changed, ['email']);
    // Whatever else went to the old address proves nothing about the new one.
    tx.execute(`DELETE FROM one_time_tokens WHERE user_id = $1`, [user.id]);
    await changeProfile(tx, user.id, email);
    if (user.email !== null) {
      this.mails.queue(tx, { to: user.email, template: 'email_changed', values: { newEmail: email } });
    }
    return changed;
  }
}

/** The profile shows the address, too; an invitation of the new one to the same organization has lost its use. */
async function changeProfile(tx: Tx, userId: string, email: string): Promise<void> {
  await tx.query(
    `SELECT FROM organizations AS o WHERE o.id = (SELECT p.organization_id FROM user_profile AS p WHERE p.user_id = $1)
     FOR NO KEY UPDATE`,
    [userId],
  );
  const [profile] = await tx.query<Profile & { [column: string]: unknown }>(
    `SELECT ${profileColumns} FROM user_profile AS p WHERE p.user_id = $1 FOR UPDATE`,
    [userId],
  );
  if (!profile) return;
  const { id, organizationId, version } = profile;
  const invited = await tx.query<Profile & { [column: string]: unknown }>(
    `DELETE FROM user_profile AS p WHERE p.organization_id = $1 AND p.email = $2 AND p.user_id IS NULL
     RETURNING ${profileColumns}`,
    [organizationId, email],
  );
  for (const invitation of invited) tellProfileDeleted(tx, invitation);
  const change = { email, updatedAt: tx.now, version: version + 1 };
  tx.update(Profile, { id, version }, change);
  tellProfileUpdated(tx, { ...profile, ...change });
}
