import { IsOptional, IsUUID } from 'class-validator';
import { CreatedPageQuery } from '../../database/keyset.js';

export class LicenseQuery extends CreatedPageQuery {
  /** Only the licenses of this organization. */
  @IsOptional()
  @IsUUID()
  organizationId?: string;
}
