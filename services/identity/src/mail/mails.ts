import { Injectable } from '@nestjs/common';
import { hashOf, SecretBox } from '#common/crypto/index';
import type { Tx } from '#common/database/index';
import { Problem } from '#common/http/index';
import { IdentityConfig } from '../identity.config.js';
import type { TemplateName, ValuesOf } from './templates.js';

/** What an address may be sent at most once in an interval, at the request of somebody who may be a stranger. */
export type MailKind = 'signup' | 'recovery' | 'sign-in' | 'email_change' | 'reauthentication' | 'invitation';

export interface OutgoingMail<Name extends TemplateName> {
  readonly to: string;
  readonly template: Name;
  readonly values: ValuesOf<Name>;
  /** Sent only if this account exists, which the database decides, in the same time for either. */
  readonly ifUser?: string;
}

/** What the seal of a waiting mail is bound to. */
export const mailContext = (id: string): string => `mails:${id}`;

/** Mail that is sent once the transaction has committed, by whichever replica gets to it first. */
@Injectable()
export class Mails {
  constructor(
    private readonly box: SecretBox,
    private readonly config: IdentityConfig,
  ) {}

  queue<Name extends TemplateName>(tx: Tx, { to, template, values, ifUser }: OutgoingMail<Name>): void {
    const id = tx.newId();
    const content = this.box.seal(JSON.stringify(values), mailContext(id));
    tx.execute(
      `INSERT INTO mails (id, recipient, template, content, due_at, created_at)
       SELECT $1, $2, $3, $4, $5, $5 WHERE $6::uuid IS NULL OR EXISTS (SELECT FROM users AS u WHERE u.id = $6)`,
      [id, to, template, content, tx.now, ifUser ?? null],
    );
  }

  /** Whether an address may be sent a mail of this kind now, and if not, in how many seconds; 0 takes the turn. */
  async turn(tx: Tx, kind: MailKind, address: string): Promise<number> {
    const key = hashOf(`${kind}:${address}`);
    const [row] = await tx.query<{ wait: number }>(`SELECT app.take_mail_turn($1, $2) AS wait`, [
      key,
      this.config.MAIL_MIN_INTERVAL,
    ]);
    return row!.wait;
  }

  /** Raises 429 `over_email_send_rate_limit` where it is too early; says nothing about whether anybody has the address. */
  async takeTurn(tx: Tx, kind: MailKind, address: string): Promise<void> {
    const wait = await this.turn(tx, kind, address);
    if (wait === 0) return;
    const detail = `For security purposes, you can only request this after ${wait} seconds.`;
    throw new Problem(429, 'over_email_send_rate_limit', detail, { retryAfter: wait });
  }
}
