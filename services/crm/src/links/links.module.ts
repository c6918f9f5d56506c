import { Module } from '@nestjs/common';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { OnProfileDeletedUnlinkUser } from './handlers/on-profile.deleted.unlink-user.js';
import { OnUserDeletedUnlinkUser } from './handlers/on-user.deleted.unlink-user.js';
import { LinksController } from './links.controller.js';
import { LinksService } from './links.service.js';
import { MissedEffects } from './missed-effects.js';
import { OrganizationRemovals } from './organization-removals.js';

@Module({
  imports: [OrganizationsModule],
  controllers: [LinksController, OnProfileDeletedUnlinkUser, OnUserDeletedUnlinkUser],
  providers: [LinksService, OrganizationRemovals, MissedEffects],
})
export class LinksModule {}
