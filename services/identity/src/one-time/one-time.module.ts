import { Module } from '@nestjs/common';
import { secretBoxProvider } from '../auth/secret-box.provider.js';
import { MailModule } from '../mail/mail.module.js';
import { EmailChanges } from './email-changes.js';
import { OneTimeTokens } from './one-time-tokens.js';
import { Reauthentication } from './reauthentication.js';
import { Redirects } from './redirects.js';
import { TokenMails } from './token-mails.js';

@Module({
  imports: [MailModule],
  providers: [secretBoxProvider, EmailChanges, OneTimeTokens, Reauthentication, Redirects, TokenMails],
  exports: [MailModule, EmailChanges, OneTimeTokens, Reauthentication, Redirects, TokenMails],
})
export class OneTimeModule {}
