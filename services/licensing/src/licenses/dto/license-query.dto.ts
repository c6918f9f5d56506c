import { IsIn } from 'class-validator';
import { ChangesQuery, IsId, Instant, Optional, PageQuery, SortedBy, Text } from '#common/http/index';

const licenseStatuses = ['active', 'expiring', 'expired', 'suspended', 'revoked'] as const;

export class LicenseQuery extends ChangesQuery {
  @SortedBy('updatedAt', 'expirationDate')
  override sort = '-createdAt';

  /** Only the licenses of this organization. */
  @Optional()
  @IsId()
  organizationId?: string;

  @Optional()
  @IsIn(licenseStatuses)
  status?: (typeof licenseStatuses)[number];

  /** Code of a module that they grant. */
  @Optional()
  @Text(63)
  module?: string;

  /** Only those that expire before. */
  @Optional()
  @Instant()
  expiresBefore?: string;

  /** Only those that expire later. */
  @Optional()
  @Instant()
  expiresAfter?: string;
}

export class LicenseModulesQuery extends PageQuery {
  @SortedBy('code')
  override sort = '-createdAt';

  @Optional()
  @Text(63)
  code?: string;
}
