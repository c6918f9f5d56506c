import { IsIn, Matches } from 'class-validator';
import { Nullable } from '#common/http/index';
import { IsInstant } from './instant.decorator.js';

const duration = /^P(?=.)(\d{1,3}Y)?(\d{1,4}M)?(\d{1,4}W)?(\d{1,5}D)?(T(?=.)(\d{1,6}H)?(\d{1,7}M)?(\d{1,9}S)?)?$/;

/** Where a duration counts from: `now_if_expired` is now for an expired license, else its expiration date. */
const renewalBases = ['expiry', 'now', 'now_if_expired'] as const;

/** Either a date, or a duration with where it counts from. */
export class RenewLicense {
  /** Any moment in the future, also one before the present date. */
  @Nullable()
  @IsInstant()
  expirationDate?: string | null;

  /** ISO 8601 in whole numbers, such as `P1Y` or `P30D`; calendar arithmetic in UTC. */
  @Nullable()
  @Matches(duration, { message: 'duration must be an ISO 8601 duration in whole numbers, such as P1Y or P30D' })
  duration?: string | null;

  /** `expiry` by default. */
  @Nullable()
  @IsIn(renewalBases)
  from?: (typeof renewalBases)[number] | null;
}
