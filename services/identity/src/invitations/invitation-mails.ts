import { Injectable } from '@nestjs/common';
import type { Tx } from '#common/database/index';
import { MailSender } from '../mail/mail-sender.js';
import { Mails } from '../mail/mails.js';
import { Redirects } from '../one-time/redirects.js';
import type { Profile } from '../profiles/profile.entity.js';
import { writeInvitation } from './invitations.js';

interface Inviting {
  /** Its name. */
  readonly organization: string;
  /** Address of who invites. */
  readonly inviter: string | null;
}

/** Invitations to organizations, and the mails that carry them. */
@Injectable()
export class InvitationMails {
  constructor(
    private readonly mails: Mails,
    private readonly mailSender: MailSender,
    private readonly redirects: Redirects,
  ) {}

  /** Writes the invitation to a profile, queues its mail, and returns its token; not too often for one address. */
  async queue(tx: Tx, profile: Profile & { readonly email: string }, inviting: Inviting): Promise<string> {
    const { email: to, role } = profile;
    await this.mails.takeTurn(tx, 'invitation', to);
    const token = writeInvitation(tx, profile);
    const values = { ...inviting, role, link: this.redirects.invitationUrl(token) };
    this.mails.queue(tx, { to, template: 'invitation', values });
    return token;
  }

  /** To be called once the transaction has committed. */
  send(): void {
    this.mailSender.wake();
  }
}
