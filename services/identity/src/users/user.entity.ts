import { Check, Column, Entity, Index, Unique } from 'typeorm';
import { Id } from '../database/columns.js';

/** An account; takes the place of Supabase's `auth.users`. */
@Entity('users')
@Unique('users_email_key', ['email'])
@Index('users_newest', { synchronize: false })
@Index('users_imported_password', ['id'], {
  where: `password_hash NOT LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'`,
})
@Check('users_email_lower', 'email = lower(email)')
@Check('users_new_email_lower', 'new_email = lower(new_email)')
export class User {
  @Id('users_pkey')
  id!: string;

  /** Trimmed and in lower case. */
  @Column('text', { nullable: true })
  email!: string | null;

  /** Null until the holder of the address has confirmed it. */
  @Column('timestamptz', { name: 'email_confirmed_at', nullable: true })
  emailConfirmedAt!: Date | null;

  /** As `isKnownPasswordHash` takes it; null for an account without a password. */
  @Column('text', { name: 'password_hash', nullable: true })
  passwordHash!: string | null;

  /** What the operator keeps about the account: how it signs in. */
  @Column('jsonb', { name: 'app_metadata', default: () => "'{}'" })
  appMetadata!: object;

  /** What the user keeps about itself; travels in the access token. */
  @Column('jsonb', { name: 'user_metadata', default: () => "'{}'" })
  userMetadata!: object;

  @Column('timestamptz', { name: 'last_sign_in_at', nullable: true })
  lastSignInAt!: Date | null;

  /** Until then it cannot sign in. */
  @Column('timestamptz', { name: 'banned_until', nullable: true })
  bannedUntil!: Date | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' })
  updatedAt!: Date;

  /** The address that `email` is to become, once those who read its mail have agreed. */
  @Column('text', { name: 'new_email', nullable: true })
  newEmail!: string | null;

  /** When an administrator invited the user. */
  @Column('timestamptz', { name: 'invited_at', nullable: true })
  invitedAt!: Date | null;

  @Column('integer', { default: 1 })
  version!: number;
}
