import { Module } from '@nestjs/common';
import { OnOrganizationCreatedGrantTrial } from './handlers/on-organization.created.grant-trial.js';
import { OnOrganizationDeletedRevokeLicenses } from './handlers/on-organization.deleted.revoke-licenses.js';
import { OnOrganizationUpdatedKeepCopy } from './handlers/on-organization.updated.keep-copy.js';
import { MissedEffects } from './missed-effects.js';
import { OrganizationsService } from './organizations.service.js';
import { Trials } from './trials.js';

@Module({
  controllers: [OnOrganizationCreatedGrantTrial, OnOrganizationUpdatedKeepCopy, OnOrganizationDeletedRevokeLicenses],
  providers: [OrganizationsService, Trials, MissedEffects],
  exports: [OrganizationsService],
})
export class OrganizationsModule {}
