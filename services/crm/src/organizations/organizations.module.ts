import { Module } from '@nestjs/common';
import { OnOrganizationChangedKeepCopy } from './handlers/on-organization.changed.keep-copy.js';
import { OrganizationDirectory } from './organization-directory.js';

@Module({
  controllers: [OnOrganizationChangedKeepCopy],
  providers: [OrganizationDirectory],
  exports: [OrganizationDirectory],
})
export class OrganizationsModule {}
