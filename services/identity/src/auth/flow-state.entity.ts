import { Column, Entity, Index, JoinColumn, ManyToOne, Unique } from 'typeorm';
import { Id } from '../database/columns.js';
import type { SignInMethod } from '../sessions/session.entity.js';
import { User } from '../users/user.entity.js';

/** A sign-in that is finished by whoever began it: an authorization code with the challenge of its verifier (PKCE, RFC 7636). */
@Entity('flow_states')
@Unique('flow_states_code_hash_key', ['codeHash'])
@Index('flow_states_user', ['userId'])
@Index('flow_states_expiry', ['expiresAt'])
export class FlowState {
  @Id('flow_states_pkey')
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'flow_states_user_id_fkey' })
  user?: User;

  /** How the user has proved who it is. */
  @Column('text')
  method!: SignInMethod;

  /** The identity of somebody outside that is linked to the user when the code is exchanged. */
  @Column('jsonb', { nullable: true })
  link!: object | null;

  /** SHA-256. */
  @Column('bytea', { name: 'code_hash' })
  codeHash!: Buffer;

  @Column('text', { name: 'code_challenge' })
  codeChallenge!: string;

  /** `s256` or `plain`. */
  @Column('text', { name: 'code_challenge_method' })
  codeChallengeMethod!: string;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;
}
