import { Column, Entity, Index, JoinColumn, ManyToOne } from 'typeorm';
import { Id } from '../database/columns.js';
import { User } from '../users/user.entity.js';

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

  /** Sealed, bound to this row's id and its provider. */
  @Column('text', { name: 'api_key' })
  apiKey!: string;

  @Column('timestamptz', { name: 'created_at', nullable: true, default: () => 'now()' })
  createdAt!: Date | null;

  @Column('timestamptz', { name: 'updated_at', nullable: true, default: () => 'now()' })
  updatedAt!: Date | null;

  /** True only after the provider accepted the key. */
  @Column('boolean', { nullable: true, default: false })
  verified!: boolean | null;

  /** `unverified`, or what came of the last verification. */
  @Column('text', { name: 'verification_status', default: 'unverified' })
  verificationStatus!: string;

  @Column('timestamptz', { name: 'verified_at', nullable: true })
  verifiedAt!: Date | null;

  @Column('text', { nullable: true })
  last4!: string | null;

  @Column('integer', { default: 1 })
  version!: number;
}
