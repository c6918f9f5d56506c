import { IsIn, IsNotEmpty, IsObject, IsString, Matches, MaxLength } from 'class-validator';
import { LowerCased, Optional } from '#common/http/index';
import { EmailAddress } from '../../users/email-address.js';
import { BoundedJson, type JsonBounds } from '../../users/bounded-json.js';
import { metadataBounds } from '../../users/metadata.js';
import { passwordLength } from '../passwords.js';

/** A password in plain text; whether it is strong is told by another code. */
export const Password = (): PropertyDecorator => (target, property) => {
  IsString({ message: 'A valid password is required' })(target, property);
  MaxLength(passwordLength.max, { message: `Password cannot be longer than ${passwordLength.max} characters` })(
    target,
    property,
  );
};

export const Metadata =
  (bounds: JsonBounds = metadataBounds.user_metadata): PropertyDecorator =>
  (target, property) => {
    Optional()(target, property);
    IsObject({ message: `${String(property)} must be an object` })(target, property);
    BoundedJson(bounds)(target, property);
  };

/** Of a client that will finish the sign-in itself (PKCE): both or none. */
export class CodeChallengeFields {
  @Optional()
  @Matches(/^[\w.~-]{43,128}$/, { message: 'code challenge has to be 43 to 128 characters of A-Z a-z 0-9 - . _ ~' })
  code_challenge?: string;

  @Optional()
  @LowerCased()
  @IsIn(['s256', 'plain'], { message: 'code challenge method is not supported' })
  code_challenge_method?: 's256' | 'plain';
}

export class SignUpBody extends CodeChallengeFields {
  @EmailAddress()
  email!: string;

  @Password()
  password!: string;

  @Metadata()
  data?: Record<string, unknown>;
}

export class SignInBody {
  @EmailAddress()
  email!: string;

  @Password()
  password!: string;
}

export class RefreshBody {
  @IsString({ message: 'refresh_token is required' })
  @MaxLength(200)
  refresh_token!: string;
}

const bothNeeded = { message: 'invalid request: both auth code and code verifier should be non-empty' };

export class PkceBody {
  @IsString(bothNeeded)
  @IsNotEmpty(bothNeeded)
  @MaxLength(200)
  auth_code!: string;

  @IsString(bothNeeded)
  @IsNotEmpty(bothNeeded)
  @MaxLength(500)
  code_verifier!: string;
}

export class UpdateUserBody extends CodeChallengeFields {
  @Optional()
  @EmailAddress()
  email?: string;

  @Optional()
  @Password()
  password?: string;

  /** A code from the mail that `reauthenticate` sends. */
  @Optional()
  @IsString({ message: 'nonce must be a text' })
  @MaxLength(200)
  nonce?: string;

  @Metadata()
  data?: Record<string, unknown>;
}
