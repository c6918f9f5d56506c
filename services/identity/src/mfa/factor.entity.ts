import { Column, Entity, JoinColumn, ManyToOne, Unique } from 'typeorm';
import { Id } from '../database/columns.js';
import { User } from '../users/user.entity.js';

/** A second factor of a user: a generator of time-based one-time passwords (RFC 6238). */
@Entity('mfa_factors')
@Unique('mfa_factors_user_id_friendly_name_key', ['userId', 'friendlyName'])
export class Factor {
  @Id('mfa_factors_pkey')
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'mfa_factors_user_id_fkey' })
  user?: User;

  /** `unverified` until its first code was right. */
  @Column('text', { default: 'unverified' })
  status!: string;

  @Column('text', { name: 'friendly_name', default: '' })
  friendlyName!: string;

  /** Sealed. */
  @Column('text')
  secret!: string;

  /** Step of time of the last code that was accepted: it and those before it are used up. */
  @Column('bigint', { name: 'last_step', default: 0 })
  lastStep!: string;

  /** Wrong codes since `failing_since`. */
  @Column('integer', { default: 0 })
  failures!: number;

  @Column('timestamptz', { name: 'failing_since', nullable: true })
  failingSince!: Date | null;

  @Column('timestamptz', { name: 'last_challenged_at', nullable: true })
  lastChallengedAt!: Date | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' })
  updatedAt!: Date;
}
