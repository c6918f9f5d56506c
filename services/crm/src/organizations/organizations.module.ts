import { Module } from '@nestjs/common';
import { OnOrganizationChangedKeepCopy } from './handlers/on-organization.changed.keep-copy.js';
import { OnOrganizationDeletedBuryCopy } from './handlers/on-organization.deleted.bury-copy.js';
import { OrganizationDirectory } from './organization-directory.js';

@Module({
  controllers: [OnOrganizationChangedKeepCopy, OnOrganizationDeletedBuryCopy],
  providers: [OrganizationDirectory],
  exports: [OrganizationDirectory],
})
export class OrganizationsModule {}
