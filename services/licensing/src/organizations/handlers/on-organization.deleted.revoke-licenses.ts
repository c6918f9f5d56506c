import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { revisionOf } from '#common/auth/index';
import type { OrganizationDeleted } from '#common/contracts/index';
import type { EventContext } from '#common/events/index';
import { revokeLicensesOf } from '../../licenses/revoke-licenses.js';
import { organizations } from '../organization-copies.js';

/** The licenses of a deleted organization are kept for the record, revoked. */
@Controller()
export class OnOrganizationDeletedRevokeLicenses {
  @EventPattern<string>('organization.deleted')
  async handle(@Payload() { organizationId }: OrganizationDeleted, @Ctx() context: EventContext): Promise<void> {
    const fact = { organizationId, isOperator: false, ...revisionOf(context), deleted: true };
    organizations.keep(context.tx, fact);
    await revokeLicensesOf(context.tx, organizationId);
  }
}
