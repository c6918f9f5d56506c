import { Column, Entity, Index, JoinColumn, ManyToOne } from 'typeorm';
import { Id } from '../database/columns.js';
import { User } from '../users/user.entity.js';

/** A way to prove who one is, by the name that Supabase Auth gives it in the claim `amr`. */
export type SignInMethod =
  'password' | 'otp' | 'magiclink' | 'recovery' | 'invite' | 'email/signup' | 'email_change' | 'oauth' | 'totp';

/** How a user proved who it is, and when, in seconds since 1970 (claim `amr`). */
export interface AuthenticationMethod {
  readonly method: SignInMethod;
  readonly timestamp: number;
}

/** One sign-in and all refreshes that follow from it. */
@Entity('sessions')
@Index('sessions_user', ['userId'])
export class Session {
  @Id('sessions_pkey')
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'sessions_user_id_fkey' })
  user?: User;

  /** Authenticator assurance level. */
  @Column('text', { default: 'aal1' })
  aal!: string;

  @Column('jsonb', { default: () => "'[]'" })
  amr!: readonly AuthenticationMethod[];

  /** The second factor that raised it to `aal2`. */
  @Column('uuid', { name: 'factor_id', nullable: true })
  factorId!: string | null;

  /** Sealed key from which each refresh token's successor follows. */
  @Column('text', { name: 'refresh_key' })
  refreshKey!: string;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'refreshed_at', nullable: true })
  refreshedAt!: Date | null;

  /** Null while the session lives. */
  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt!: Date | null;
}
