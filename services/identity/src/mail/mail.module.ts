import { Module } from '@nestjs/common';
import { secretBoxProvider } from '../auth/secret-box.provider.js';
import { MailSender } from './mail-sender.js';
import { Mails } from './mails.js';
import { Smtp } from './smtp.js';

@Module({ providers: [secretBoxProvider, Mails, MailSender, Smtp], exports: [Mails, MailSender] })
export class MailModule {}
