import { IsIn, IsOptional, ValidateIf } from 'class-validator';
import { type Role, roles } from '#common/auth/index';
import { NewestFirstQuery } from '../../database/page-statement.js';
import { EmailAddress } from '../../users/email-address.js';

export class InviteProfile {
  @EmailAddress()
  email!: string;

  @IsIn(roles)
  role!: Role;
}

export class ChangeProfile {
  @ValidateIf((_, value) => value !== undefined)
  @IsIn(roles)
  role?: Role;
}

export class ProfilesQuery extends NewestFirstQuery {
  @IsOptional()
  @IsIn(roles)
  role?: Role;

  @IsOptional()
  @IsIn(['invited', 'active'])
  status?: 'invited' | 'active';

  @IsOptional()
  @EmailAddress()
  email?: string;
}
