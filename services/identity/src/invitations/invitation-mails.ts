import { Injectable } from '@nestjs/common';
import type { Role } from '#common/auth/index';
import type { Tx } from '#common/database/index';
import { MailSender } from '../mail/mail-sender.js';
import { Mails } from '../mail/mails.js';
import { Redirects } from '../one-time/redirects.js';

interface InvitationMail {
  readonly email: string;
  readonly role: Role;
  /** Name of the organization. */
  readonly organization: string;
  /** Address of who invites. */
  readonly inviter: string | null;
  readonly token: string;
}

/** The mails that carry invitations to organizations. */
@Injectable()
export class InvitationMails {
  constructor(
    private readonly mails: Mails,
    private readonly mailSender: MailSender,
    private readonly redirects: Redirects,
  ) {}

  /** Queues the mail of an invitation; not too often for one address. */
  async queue(tx: Tx, { email: to, token, role, organization, inviter }: InvitationMail): Promise<void> {
    await this.mails.takeTurn(tx, 'invitation', to);
    const values = { organization, inviter, role, link: this.redirects.invitationUrl(token) };
    this.mails.queue(tx, { to, template: 'invitation', values });
  }

  /** To be called once the transaction has committed. */
  send(): void {
    this.mailSender.wake();
  }
}
