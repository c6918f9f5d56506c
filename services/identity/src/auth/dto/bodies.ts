import { IsObject, IsString, MaxLength } from 'class-validator';
import { Optional } from '#common/http/index';
import { EmailAddress } from '../../users/email-address.js';
import { BoundedJson } from '../../users/bounded-json.js';
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

const Metadata = (): PropertyDecorator => (target, property) => {
  Optional()(target, property);
  IsObject({ message: 'data must be an object' })(target, property);
  BoundedJson(metadataBounds.user_metadata)(target, property);
};

export class SignUpBody {
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

export class UpdateUserBody {
  @Optional()
  @EmailAddress()
  email?: string;

  @Optional()
  @Password()
  password?: string;

  @Metadata()
  data?: Record<string, unknown>;
}
