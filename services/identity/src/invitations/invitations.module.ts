import { Module } from '@nestjs/common';
import { OneTimeModule } from '../one-time/one-time.module.js';
import { InvitationMails } from './invitation-mails.js';
import { InvitationsController } from './invitations.controller.js';
import { InvitationsService } from './invitations.service.js';

@Module({
  imports: [OneTimeModule],
  controllers: [InvitationsController],
  providers: [InvitationMails, InvitationsService],
  exports: [InvitationMails],
})
export class InvitationsModule {}
