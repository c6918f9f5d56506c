import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import { Holders } from '../database/holders.js';

/** A person, linked to one or more organizations. */
@Entity('customers')
@Index('customers_updated', ['updatedAt'])
export class Customer {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'customers_pkey' })
  id!: string;

  @Column('text')
  name!: string;

  @Column('timestamptz', { name: 'created_at', nullable: true, default: () => 'now()' })
  createdAt!: Date | null;

  @Column('timestamptz', { name: 'updated_at', nullable: true, default: () => 'now()' })
  updatedAt!: Date | null;

  @Column('text', { name: 'first_name' })
  firstName!: string;

  @Column('text', { name: 'last_name' })
  lastName!: string;

  /** One more with each change, also of what belongs to the customer: the order of its events. */
  @Column('integer', { default: 1 })
  version!: number;

  /** The linked organizations and the linked user: kept by triggers, read by the policies. */
  @Holders()
  organizationIds!: string[];

  @Column({ type: 'uuid', name: 'user_id', nullable: true, insert: false, update: false })
  userId!: string | null;
}
