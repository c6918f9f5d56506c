import { IsInt, Max, Min } from 'class-validator';
import { ServiceConfig } from '#common/config/index';

export class LicensingConfig extends ServiceConfig {
  /** Days for which a new organization's trial license is in force; 0 = no trial. */
  @IsInt()
  @Min(0)
  @Max(3650)
  LICENSE_TRIAL_DAYS = 14;
}
