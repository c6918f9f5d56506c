import { Transform } from 'class-transformer';
import { IsBoolean, IsInt, Max, Min, ValidateBy } from 'class-validator';
import { IsId, Optional } from '#common/http/index';
import { Metadata, Password } from '../../auth/dto/bodies.js';
import { isKnownPasswordHash } from '../../auth/passwords.js';
import { isBanDuration } from '../../users/bans.js';
import { EmailAddress } from '../../users/email-address.js';
import { metadataBounds } from '../../users/metadata.js';

const Accepts = (name: string, validate: (value: unknown) => boolean, message: string): PropertyDecorator =>
  ValidateBy({ name, validator: { validate, defaultMessage: () => message } });

/** What an administrator says of a user; what is absent stays. */
export class ChangeUserBody {
  @Optional()
  @EmailAddress()
  email?: string;

  @Optional()
  @Password()
  password?: string;

  @Optional()
  @IsBoolean({ message: 'email_confirm must be a boolean' })
  email_confirm?: boolean;

  @Metadata()
  user_metadata?: Record<string, unknown>;

  @Metadata(metadataBounds.app_metadata)
  app_metadata?: Record<string, unknown>;

  @Optional()
  @Accepts('banDuration', isBanDuration, 'ban_duration must be none, or a duration such as 24h')
  ban_duration?: string;
}

const noId = '00000000-0000-0000-0000-000000000000';

export class CreateUserBody extends ChangeUserBody {
  @Optional()
  @IsId({ message: 'id must be a UUID' })
  @Accepts('notNil', (value) => value !== noId, 'id cannot be a nil UUID')
  id?: string;

  /** In place of a password: as another system keeps it. */
  @Optional()
  @Accepts(
    'passwordHash',
    (value) => typeof value === 'string' && value.length <= 1_024 && isKnownPasswordHash(value),
    'password_hash is of no known form',
  )
  password_hash?: string;
}

export class DeleteUserBody {
  /** A user is erased either way: what Supabase Auth keeps of one deleted softly cannot be brought back either. */
  @Optional()
  @IsBoolean({ message: 'should_soft_delete must be a boolean' })
  should_soft_delete?: boolean;
}

/** The client sends an empty text for what is not asked for. */
const Whole = (max: number): PropertyDecorator => {
  return (target, property) => {
    const message = `${String(property)} must be a whole number from 1 to ${max}`;
    Transform(({ value }) => (value === '' ? undefined : Number(value)))(target, property);
    Optional()(target, property);
    IsInt({ message })(target, property);
    Min(1, { message })(target, property);
    Max(max, { message })(target, property);
  };
};

export class UsersQuery {
  @Whole(1_000_000)
  page?: number;

  @Whole(1_000)
  per_page?: number;
}
