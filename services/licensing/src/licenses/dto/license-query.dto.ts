import { IsIn, IsOptional, IsUUID } from 'class-validator';
import { PageQuery } from '#common/http/index';

export class LicenseQuery extends PageQuery {
  /** Only the licenses of this organization. */
  @IsOptional()
  @IsUUID()
  organizationId?: string;

  @IsOptional()
  @IsIn(['createdAt', '-createdAt'])
  sort: 'createdAt' | '-createdAt' = '-createdAt';
}
