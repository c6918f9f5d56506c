import { IsIn } from 'class-validator';
import { type Role, roles } from '#common/auth/index';
import { ChangesQuery, Optional, SortedBy } from '#common/http/index';
import { EmailAddress } from '../../users/email-address.js';

export class InviteProfile {
  @EmailAddress()
  email!: string;

  @IsIn(roles)
  role!: Role;
}

export class ChangeProfile {
  @Optional()
  @IsIn(roles)
  role?: Role;
}

export class ProfilesQuery extends ChangesQuery {
  @SortedBy('updatedAt', 'email', 'role')
  override sort = '-createdAt';

  @Optional()
  @IsIn(roles)
  role?: Role;

  @Optional()
  @IsIn(['invited', 'active'])
  status?: 'invited' | 'active';

  @Optional()
  @EmailAddress()
  email?: string;
}
