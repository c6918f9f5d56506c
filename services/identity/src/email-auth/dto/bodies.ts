import { IsBoolean, IsIn, IsNotEmpty, IsString, MaxLength } from 'class-validator';
import { Optional } from '#common/http/index';
import { CodeChallengeFields, Metadata, Password } from '../../auth/dto/bodies.js';
import { EmailAddress } from '../../users/email-address.js';

export class RecoverBody extends CodeChallengeFields {
  @EmailAddress()
  email!: string;
}

export class OtpBody extends CodeChallengeFields {
  @EmailAddress()
  email!: string;

  /** Whether an unknown address is given an account. */
  @Optional()
  @IsBoolean({ message: 'create_user must be true or false' })
  create_user?: boolean;

  @Metadata()
  data?: Record<string, unknown>;
}

export class ResendBody extends CodeChallengeFields {
  @IsIn(['signup', 'email_change'], { message: 'Missing one of these types: signup, email_change' })
  type!: 'signup' | 'email_change';

  @EmailAddress()
  email!: string;
}

/** What can be verified, by the names that the client has for it. */
export const verificationTypes = ['signup', 'invite', 'magiclink', 'recovery', 'email_change', 'email'] as const;
export type VerificationType = (typeof verificationTypes)[number];

const tokenNeeded = { message: 'Verify requires either a token or a token hash' };

export class VerifyBody {
  @IsIn(verificationTypes, { message: 'Verify requires a supported verification type' })
  type!: VerificationType;

  /** A code, together with the address that it went to. */
  @Optional()
  @IsString(tokenNeeded)
  @IsNotEmpty(tokenNeeded)
  @MaxLength(100)
  token?: string;

  @Optional()
  @EmailAddress()
  email?: string;

  /** What stands in the link. */
  @Optional()
  @IsString(tokenNeeded)
  @IsNotEmpty(tokenNeeded)
  @MaxLength(200)
  token_hash?: string;
}

export class InviteBody {
  @EmailAddress()
  email!: string;

  @Metadata()
  data?: Record<string, unknown>;
}

/** What a link can be made for. */
export const linkTypes = [
  'signup',
  'invite',
  'magiclink',
  'recovery',
  'email_change_current',
  'email_change_new',
] as const;
export type LinkType = (typeof linkTypes)[number];

export class GenerateLinkBody {
  @IsIn(linkTypes, { message: 'Invalid email action link type requested' })
  type!: LinkType;

  @EmailAddress()
  email!: string;

  @Optional()
  @EmailAddress()
  new_email?: string;

  /** Of a sign-up. */
  @Optional()
  @Password()
  password?: string;

  @Metadata()
  data?: Record<string, unknown>;

  @Optional()
  @IsString({ message: 'redirect_to must be a text' })
  redirect_to?: string;
}
