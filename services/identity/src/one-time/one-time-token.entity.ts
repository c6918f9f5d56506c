import { Column, Entity, Index, JoinColumn, ManyToOne, Unique } from 'typeorm';
import { Id } from '../database/columns.js';
import { User } from '../users/user.entity.js';

/** What a one-time token is good for. */
export type Purpose =
  'signup' | 'invite' | 'magiclink' | 'recovery' | 'email_change_current' | 'email_change_new' | 'reauthentication';

/** A secret that went to an address by mail, as a link and as a code; a newer one for the same purpose replaces it. */
@Entity('one_time_tokens')
@Unique('one_time_tokens_user_purpose_key', ['userId', 'purpose'])
@Unique('one_time_tokens_token_hash_key', ['tokenHash'])
@Index('one_time_tokens_email', ['email'])
@Index('one_time_tokens_expiry', ['expiresAt'])
export class OneTimeToken {
  @Id('one_time_tokens_pkey')
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'one_time_tokens_user_id_fkey' })
  user?: User;

  @Column('text')
  purpose!: Purpose;

  /** The address that it went to. */
  @Column('text')
  email!: string;

  /** SHA-256 of what stands in the link. */
  @Column('bytea', { name: 'token_hash' })
  tokenHash!: Buffer;

  /** HMAC-SHA-256 of the code: a plain hash of six digits would tell them. */
  @Column('bytea', { name: 'code_hash' })
  codeHash!: Buffer;

  /** Sealed key of that HMAC. */
  @Column('text', { name: 'code_key' })
  codeKey!: string;

  /** Wrong codes so far. */
  @Column('integer', { default: 0 })
  attempts!: number;

  /** Of the client that finishes the sign-in (PKCE); null when the link itself opens the session. */
  @Column('text', { name: 'code_challenge', nullable: true })
  codeChallenge!: string | null;

  @Column('text', { name: 'code_challenge_method', nullable: true })
  codeChallengeMethod!: string | null;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;

  @Column('timestamptz', { name: 'used_at', nullable: true })
  usedAt!: Date | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
