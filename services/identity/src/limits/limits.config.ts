import { IsInt, Matches, Max, Min } from 'class-validator';
import { ServiceConfig } from '#common/config/index';

/** Requests in a window: of one client (its address, of IPv6 its /64), and about one account. */
const Rates = (): PropertyDecorator =>
  Matches(/^\d{1,6}\/\d{1,6}$/, {
    message: '$property must be <per client>/<per account>, such as 600/60; 0 stands for no limit',
  });

/**
 * How often a client may ask for what concerns accounts. An office behind one address has many clients, so what is per client
 * is generous: it keeps away a flood; the lock keeps passwords from being guessed.
 */
export class LimitsConfig extends ServiceConfig {
  /** Seconds after the first request of a window until requests are counted anew. */
  @IsInt()
  @Min(1)
  @Max(86_400)
  RATE_LIMIT_WINDOW = 300;

  /** Sign-ins by password. */
  @Rates()
  RATE_LIMIT_SIGN_IN = '600/60';

  @Rates()
  RATE_LIMIT_SIGN_UP = '200/10';

  /** Exchanges of a refresh token; a client needs one an hour. */
  @Rates()
  RATE_LIMIT_REFRESH = '3000/0';

  /** Codes and tokens from mails that are presented, right or wrong. */
  @Rates()
  RATE_LIMIT_VERIFY = '300/30';

  /** Mails that are asked for: recovery, magic links, codes, confirmations again. */
  @Rates()
  RATE_LIMIT_MAIL = '100/10';

  /** Challenges and codes of second factors. */
  @Rates()
  RATE_LIMIT_FACTOR = '600/30';

  /** Wrong passwords in PASSWORD_ATTEMPTS_WINDOW seconds after which a right one is answered like them, for a time. */
  @IsInt()
  @Min(3)
  @Max(1_000)
  PASSWORD_ATTEMPTS = 10;

  @IsInt()
  @Min(1)
  @Max(86_400)
  PASSWORD_ATTEMPTS_WINDOW = 900;

  /** Seconds of the first lock; each wrong password that follows one doubles the next. */
  @IsInt()
  @Min(1)
  @Max(86_400)
  PASSWORD_LOCK = 60;

  /** Seconds that a lock lasts at most. */
  @IsInt()
  @Min(1)
  @Max(86_400)
  PASSWORD_LOCK_MAX = 900;
}
