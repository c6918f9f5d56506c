import { Column, Entity, Index, JoinColumn, ManyToOne } from 'typeorm';
import { Id } from '../database/columns.js';
import { User } from '../users/user.entity.js';
import type { CheckReason, VerificationStatus } from './check-outcome.js';

/** A user's key for a provider of language models; nobody reads it back. */
@Entity('llm_api_keys')
@Index('llm_api_keys_newest', { synchronize: false })
export class LlmApiKey {
  @Id('llm_api_keys_pkey')
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'llm_api_keys_user_id_fkey' })
  user?: User;

  @Column('text')
  provider!: string;

  /** Where a provider that is no well-known one answers; null for the others. */
  @Column('text', { name: 'base_url', nullable: true })
  baseUrl!: string | null;

  /** Sealed, bound to this row's id, its user, provider and base URL. */
  @Column('text', { name: 'api_key' })
  apiKey!: string;

  @Column('timestamptz', { name: 'created_at', nullable: true, default: () => 'now()' })
  createdAt!: Date | null;

  @Column('timestamptz', { name: 'updated_at', nullable: true, default: () => 'now()' })
  updatedAt!: Date | null;

  /** One more with each other key that the row is given; what is found out about a key holds for that one alone. */
  @Column('integer', { name: 'key_version', default: 1 })
  keyVersion!: number;

  /** True after the provider accepted the key, until it refuses it; that it could not be asked changes nothing. */
  @Column('boolean', { nullable: true, default: false })
  verified!: boolean | null;

  /** What came of the last check. */
  @Column('text', { name: 'verification_status', default: 'unverified' })
  verificationStatus!: VerificationStatus;

  /** Why the key is not accepted; null for one that is, or was not checked yet. */
  @Column('text', { name: 'verification_reason', nullable: true })
  verificationReason!: CheckReason | null;

  /** When the key was checked last, or refused in use. */
  @Column('timestamptz', { name: 'checked_at', nullable: true })
  checkedAt!: Date | null;

  /** When the provider accepted the key last. */
  @Column('timestamptz', { name: 'verified_at', nullable: true })
  verifiedAt!: Date | null;

  @Column('text', { nullable: true })
  last4!: string | null;

  @Column('integer', { default: 1 })
  version!: number;
}
