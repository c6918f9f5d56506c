import { Column, Entity, Index, JoinColumn, ManyToOne, Unique } from 'typeorm';
import { Id } from '../../database/columns.js';
import { User } from '../../users/user.entity.js';

/** Somebody who was sent to a provider and has not come back yet. */
@Entity('oidc_flows')
@Unique('oidc_flows_state_hash_key', ['stateHash'])
@Index('oidc_flows_user', ['userId'])
@Index('oidc_flows_expiry', ['expiresAt'])
export class OidcFlow {
  @Id('oidc_flows_pkey')
  id!: string;

  /** SHA-256. */
  @Column('bytea', { name: 'state_hash' })
  stateHash!: Buffer;

  /** SHA-256 of the secret in the browser's cookie; null until a browser has begun. */
  @Column('bytea', { name: 'browser_hash', nullable: true })
  browserHash!: Buffer | null;

  @Column('text')
  provider!: string;

  @Column('text', { name: 'redirect_to' })
  redirectTo!: string;

  /** Of the client that will finish the sign-in (PKCE). */
  @Column('text', { name: 'code_challenge', nullable: true })
  codeChallenge!: string | null;

  @Column('text', { name: 'code_challenge_method', nullable: true })
  codeChallengeMethod!: string | null;

  /** The user to whom the identity is to be linked; null for a sign-in. */
  @Column('uuid', { name: 'user_id', nullable: true })
  userId!: string | null;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'oidc_flows_user_id_fkey' })
  user?: User;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;
}
