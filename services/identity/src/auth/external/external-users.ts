import { Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import type { Tx } from '#common/database/index';
import { Problem } from '#common/http/index';
import { accountErased } from '../../users/user.errors.js';
import { tellUserUpdated } from '../../users/user.events.js';
import { type Account, noteSignIn, registerUser } from '../../users/users.js';
import type { ExternalIdentity } from './external-identity.js';
import { ExternalIdentityRow } from './identity.entity.js';
import { type IssuerSettings, TrustedIssuerSettings } from './issuer-settings.js';

export const identityAlreadyExists = (): Problem =>
  new Problem(422, 'identity_already_exists', 'Identity is already linked to another user');

const emailExists = (): Problem =>
  new Problem(422, 'email_exists', 'A user with this email address exists: sign in as this user to link the identity');

const userNotFound = (): Problem => new Problem(404, 'user_not_found', 'The user of this token was not imported');

const providersText = `CASE WHEN jsonb_typeof(app_metadata->'providers') = 'array' THEN app_metadata->'providers' ELSE '[]' END`;

/** Turns identities into users: the one they are linked to, or one that is linked or made at first sight. */
@Injectable()
export class ExternalUsers {
  /** The user who signs in by this identity. */
  async signIn(tx: Tx, settings: IssuerSettings, identity: ExternalIdentity): Promise<Account> {
    const known = await this.holderOf(tx, identity);
    const userId = known ?? (await this.ownerOf(tx, settings, identity)) ?? this.register(tx, identity);
    if (known === undefined) attach(tx, userId, identity);
    else touch(tx, identity);
    const user = await noteSignIn(tx, userId);
    if (!user) throw accountErased();
    return user;
  }

  /** Links an identity to a user who has proved to be both; once more is no change. */
  async link(tx: Tx, userId: string, identity: ExternalIdentity): Promise<void> {
    const holder = await this.holderOf(tx, identity);
    if (holder === undefined) attach(tx, userId, identity);
    else if (holder !== userId) throw identityAlreadyExists();
  }

  private async holderOf(tx: Tx, { provider, subject }: ExternalIdentity): Promise<string | undefined> {
    const [known] = await tx.query<{ user_id: string }>(
      `SELECT user_id FROM identities WHERE provider = $1 AND subject = $2 FOR UPDATE`,
      [provider, subject],
    );
    return known?.user_id;
  }

  /** The existing account that an identity belongs to at first sight; raises where it may not be taken. */
  private async ownerOf(tx: Tx, settings: IssuerSettings, identity: ExternalIdentity): Promise<string | undefined> {
    if (settings instanceof TrustedIssuerSettings && settings.keep_user_ids) return importedUser(tx, identity);
    if (!identity.emailVerified) return undefined;
    const [user] = await tx.query<{ id: string; confirmed: boolean; version: number }>(
      `SELECT id, email_confirmed_at IS NOT NULL AS confirmed, version FROM users WHERE email = $1 FOR UPDATE`,
      [identity.email],
    );
    if (!user) return undefined;
    if (!settings.link_by_verified_email) throw emailExists();
    if (!user.confirmed) this.claim(tx, user, identity.email!);
    return user.id;
  }

  /** An account that nobody has confirmed goes to who has the address; what somebody else has put into it does not. */
  private claim(tx: Tx, { id, version }: { id: string; version: number }, email: string): void {
    tx.executeOnOne(
      `UPDATE users SET email_confirmed_at = $2, password_hash = NULL, user_metadata = '{}', updated_at = $2,
         version = version + 1 WHERE id = $1 AND version = $3`,
      [id, tx.now, version],
    );
    tellUserUpdated(tx, { id, email, emailConfirmedAt: tx.now, version: version + 1 }, ['email_confirmed']);
  }

  /** An address that is not verified is nobody's: it stays with the identity. */
  private register(tx: Tx, { provider, email, emailVerified, data }: ExternalIdentity): string {
    const account = {
      email: emailVerified ? email : null,
      passwordHash: null,
      provider,
      userMetadata: data,
      confirmed: emailVerified,
      signsIn: true,
    };
    return registerUser(tx, account).id;
  }
}

async function importedUser(tx: Tx, { subject }: ExternalIdentity): Promise<string> {
  const [user] = isUUID(subject, 'loose')
    ? await tx.query<{ id: string }>(`SELECT id FROM users WHERE id = $1 FOR UPDATE`, [subject])
    : [];
  if (!user) throw userNotFound();
  return user.id;
}

function attach(tx: Tx, userId: string, { provider, subject, data }: ExternalIdentity): void {
  const times = { lastSignInAt: tx.now, createdAt: tx.now, updatedAt: tx.now };
  tx.insert(ExternalIdentityRow, { id: tx.newId(), userId, provider, subject, identityData: data, ...times });
  tx.execute(
    `UPDATE users SET app_metadata = app_metadata || jsonb_build_object('providers', ${providersText} || to_jsonb($2::text)),
       updated_at = $3 WHERE id = $1 AND NOT ${providersText} ? $2`,
    [userId, provider, tx.now],
  );
}

function touch(tx: Tx, { provider, subject, data }: ExternalIdentity): void {
  tx.execute(
    `UPDATE identities SET identity_data = $3, last_sign_in_at = $4, updated_at = $4 WHERE provider = $1 AND subject = $2`,
    [provider, subject, data, tx.now],
  );
}
