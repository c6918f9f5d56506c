import { IsISO31661Alpha2, IsOptional } from 'class-validator';
import { ServiceConfig } from '#common/config/index';

/** Settings of the CRM service. */
export class CrmConfig extends ServiceConfig {
  /** ISO 3166-1 alpha-2 code of the country that phone numbers without `+` belong to; without it they are refused. */
  @IsOptional()
  @IsISO31661Alpha2()
  DEFAULT_PHONE_COUNTRY?: string;
}
