import { Allow as Known, IsBoolean, IsIn, IsNotEmpty, IsString, Matches, MaxLength } from 'class-validator';
import { Optional } from '#common/http/index';
import { CodeChallengeFields } from '../dto/bodies.js';

const Provider = (): PropertyDecorator => (target, property) => {
  const message = 'Unsupported provider: provider is required';
  IsString({ message })(target, property);
  IsNotEmpty({ message })(target, property);
  MaxLength(500)(target, property);
};

export class IdTokenBody {
  @Provider()
  provider!: string;

  @IsString({ message: 'id_token required' })
  @MaxLength(16_384)
  id_token!: string;

  @Optional()
  @IsString()
  @MaxLength(500)
  nonce?: string;

  @Optional()
  @IsBoolean()
  link_identity?: boolean;
}

/** Query of `authorize` and of `user/identities/authorize`. */
export class AuthorizeQuery extends CodeChallengeFields {
  @Provider()
  provider!: string;

  /** Anything; what is not allowed leads to the site. */
  @Known()
  redirect_to?: unknown;

  @Optional()
  @IsIn(['none', 'login', 'consent', 'select_account'])
  prompt?: string;

  @Optional()
  @Matches(/^[\x21-\x7e]{1,254}$/, { message: 'login_hint is not valid' })
  login_hint?: string;
}
