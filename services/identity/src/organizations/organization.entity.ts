import { Column, Entity, Index } from 'typeorm';
import { Id } from '../database/columns.js';

@Entity('organizations')
@Index('organizations_operator', ['isOperator'], { unique: true, where: 'is_operator' })
@Index('organizations_newest', { synchronize: false })
export class Organization {
  @Id('organizations_pkey')
  id!: string;

  @Column('text')
  name!: string;

  @Column('timestamptz', { name: 'created_at', nullable: true, default: () => 'now()' })
  createdAt!: Date | null;

  @Column('timestamptz', { name: 'updated_at', nullable: true, default: () => 'now()' })
  updatedAt!: Date | null;

  /** Marks the operator's own organization; there is one at most. */
  @Column('boolean', { name: 'is_operator', default: false })
  isOperator!: boolean;

  @Column('integer', { default: 1 })
  version!: number;
}
