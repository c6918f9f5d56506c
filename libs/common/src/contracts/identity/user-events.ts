import { IsArray, IsBoolean, IsEmail, IsISO8601, IsOptional, IsString, IsUUID } from 'class-validator';
import { EventContract, OrNull } from '../contract.js';

const userId = '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a02';
const user = { userId, email: 'ada@example.com', emailConfirmed: true };

@EventContract({
  type: 'user.registered',
  source: 'identity',
  version: 1,
  description: 'Somebody signed up, was invited, or was made by an administrator.',
  example: user,
})
export class UserRegistered {
  @IsUUID('loose') userId!: string;
  @OrNull() @IsEmail() email!: string | null;
  /** Only a confirmed address proves anything about its holder. */
  @IsBoolean() emailConfirmed!: boolean;
}

@EventContract({
  type: 'user.updated',
  source: 'identity',
  version: 1,
  description: 'A user has another address, has confirmed it, or was changed by an administrator.',
  example: user,
})
export class UserUpdated {
  @IsUUID('loose') userId!: string;
  @OrNull() @IsEmail() email!: string | null;
  @IsBoolean() emailConfirmed!: boolean;
  /** Names of what has changed, such as `password` or `ban`; absent where only the address has. */
  @IsOptional() @IsArray() @IsString({ each: true }) changed?: string[];
}

@EventContract({
  type: 'user.deleted',
  source: 'identity',
  version: 1,
  description: 'A user is gone; every service erases what belongs to the user.',
  example: { userId },
})
export class UserDeleted {
  @IsUUID('loose') userId!: string;
}

@EventContract({
  type: 'session.revoked',
  source: 'identity',
  version: 1,
  description: 'A session has ended; its access tokens are void from now on. The aggregate is the session.',
  example: { sessionId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a03', userId, revokedAt: '2026-11-22T09:30:00.000Z' },
})
export class SessionRevoked {
  @IsUUID('loose') sessionId!: string;
  @IsUUID('loose') userId!: string;
  @IsISO8601() revokedAt!: string;
}
