import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { LicenseRevoked, type OrganizationDeleted } from '#common/contracts/index';
import type { EventContext } from '#common/events/index';
import { changeLicense, lockLicensesOf, stateOf, tellLicense } from '../../licenses/license-record.js';
import { tellPassedDate } from '../../licenses/passed-date.js';
import { keepDeletion } from '../organization-copies.js';

/** The licenses of a deleted organization are kept for the record, revoked. */
@Controller()
export class OnOrganizationDeletedRevokeLicenses {
  @EventPattern<string>('organization.deleted')
  async handle(@Payload() { organizationId }: OrganizationDeleted, @Ctx() { event, tx }: EventContext): Promise<void> {
    keepDeletion(tx, { organizationId, epoch: event.epoch, version: event.aggregateVersion });
    for (const license of await lockLicensesOf(tx, organizationId)) {
      if (license.revokedAt) continue;
      const revoked = changeLicense(tx, tellPassedDate(tx, license), { revokedAt: tx.now });
      tellLicense(tx, LicenseRevoked, revoked, stateOf(revoked));
    }
  }
}
