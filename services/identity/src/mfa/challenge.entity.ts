import { Column, Entity, Index, JoinColumn, ManyToOne } from 'typeorm';
import { Id } from '../database/columns.js';
import { Factor } from './factor.entity.js';

/** A question for a code of a factor, for a few minutes. */
@Entity('mfa_challenges')
@Index('mfa_challenges_factor', ['factorId', 'createdAt'])
export class Challenge {
  @Id('mfa_challenges_pkey')
  id!: string;

  @Column('uuid', { name: 'factor_id' })
  factorId!: string;

  @ManyToOne(() => Factor, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'factor_id', foreignKeyConstraintName: 'mfa_challenges_factor_id_fkey' })
  factor?: Factor;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  /** Wrong codes. */
  @Column('integer', { default: 0 })
  failures!: number;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
