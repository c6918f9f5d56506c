import { Module } from '@nestjs/common';
import { OnOrganizationCreatedKeepCopy } from './handlers/on-organization.created.keep-copy.js';
import { OrganizationDirectory } from './organization-directory.js';

@Module({
  controllers: [OnOrganizationCreatedKeepCopy],
  providers: [OrganizationDirectory],
  exports: [OrganizationDirectory],
})
export class OrganizationsModule {}
