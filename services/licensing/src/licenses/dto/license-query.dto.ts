import { IsUUID } from 'class-validator';
import { Optional, PageQuery } from '#common/http/index';

export class LicenseQuery extends PageQuery {
  /** Only the licenses of this organization. */
  @Optional()
  @IsUUID('loose')
  organizationId?: string;
}
