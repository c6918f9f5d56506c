import { Matches, MaxLength } from 'class-validator';
import { IsId, Optional, Trimmed } from '#common/http/index';
import { codeFormat } from '../totp.js';

/** A name that an authenticator shows: no control characters. */
const ShownName = (): PropertyDecorator => (target, property) => {
  const message = `${String(property)} must be a text of at most 100 characters`;
  Trimmed()(target, property);
  MaxLength(100, { message })(target, property);
  Matches(/^\P{Cc}*$/u, { message })(target, property);
};

export class EnrollBody {
  @Matches(/^totp$/, { message: 'factor_type needs to be totp' })
  factor_type!: 'totp';

  @Optional()
  @ShownName()
  friendly_name = '';

  /** Whom the code is for; the host of the public URL by default. */
  @Optional()
  @ShownName()
  issuer?: string;
}

export class VerifyFactorBody {
  @IsId({ message: 'challenge_id must be a UUID' })
  challenge_id!: string;

  @Matches(codeFormat, { message: 'code must be 6 digits' })
  code!: string;
}
