import { Column, Entity, Index, JoinColumn, ManyToOne, Unique } from 'typeorm';
import { Id } from '../database/columns.js';
import { Session } from './session.entity.js';

/** A refresh token that was handed out; only its hash is kept. A session has one that is not used yet. */
@Entity('refresh_tokens')
@Unique('refresh_tokens_token_hash_key', ['tokenHash'])
@Index('refresh_tokens_session', ['sessionId'])
@Index('refresh_tokens_live', ['sessionId'], { unique: true, where: 'used_at IS NULL' })
export class RefreshToken {
  @Id('refresh_tokens_pkey')
  id!: string;

  @Column('uuid', { name: 'session_id' })
  sessionId!: string;

  @ManyToOne(() => Session, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'session_id', foreignKeyConstraintName: 'refresh_tokens_session_id_fkey' })
  session?: Session;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  /** SHA-256. */
  @Column('bytea', { name: 'token_hash' })
  tokenHash!: Buffer;

  /** When it was exchanged for its successor. */
  @Column('timestamptz', { name: 'used_at', nullable: true })
  usedAt!: Date | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
