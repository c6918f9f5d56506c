import { Injectable, type OnModuleInit } from '@nestjs/common';
import { isUUID } from 'class-validator';
import type { LicenseFact } from '#common/auth/index';
import { Offers, type OfferedThing } from '#common/copies/index';
import { SystemUnitOfWork } from '#common/database/index';
import { Broker } from '#common/events/index';
import { invalid } from '#common/http/index';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { moduleCodes } from './license-record.js';

const offeredLicense: OfferedThing = {
  name: 'license',
  from: 'licenses AS l',
  key: 'l.id',
  version: 'l.version',
  fields: {
    organizationId: 'l.organization_id',
    expirationDate: 'app.iso(l.expiration_date)',
    suspended: 'l.suspended_at IS NOT NULL',
    revoked: 'l.revoked_at IS NOT NULL',
    modules: moduleCodes,
  },
};

/** Answers other services that are about to refuse for want of a license: an organization's licenses as they are now. */
@Injectable()
export class LicenseFacts implements OnModuleInit {
  constructor(
    private readonly broker: Broker,
    private readonly system: SystemUnitOfWork,
    private readonly organizations: OrganizationsService,
    private readonly offers: Offers,
  ) {}

  onModuleInit(): void {
    this.offers.offer(offeredLicense);
    this.broker.answer('licensing.ask.licenses', (question) => this.answer(question));
  }

  private async answer(question: unknown): Promise<LicenseFact[]> {
    const { organizationId } = (question ?? {}) as { organizationId?: unknown };
    if (!isUUID(organizationId, 'loose')) throw invalid('/organizationId', 'organizationId must be a UUID');
    const facts = await this.read(organizationId as string);
    const met = facts.length === 0 && (await this.organizations.meet(organizationId as string));
    return met ? this.read(organizationId as string) : facts;
  }

  private read(organizationId: string): Promise<(LicenseFact & Record<string, unknown>)[]> {
    return this.system.read<LicenseFact & Record<string, unknown>>({
      text: `SELECT l.id AS "licenseId", l.organization_id AS "organizationId",
          app.iso(l.expiration_date) AS "expirationDate", l.suspended_at IS NOT NULL AS suspended,
          l.revoked_at IS NOT NULL AS revoked, ${moduleCodes} AS modules,
          h.epoch, l.version, h.next_sequence::float8 AS sequence
        FROM licenses AS l CROSS JOIN events.head AS h WHERE l.organization_id = $1`,
      values: [organizationId],
    });
  }
}
