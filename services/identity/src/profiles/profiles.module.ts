import { Module } from '@nestjs/common';
import { InvitationsModule } from '../invitations/invitations.module.js';
import { ProfilesController } from './profiles.controller.js';
import { ProfilesService } from './profiles.service.js';

@Module({ imports: [InvitationsModule], controllers: [ProfilesController], providers: [ProfilesService] })
export class ProfilesModule {}
