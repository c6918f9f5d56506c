import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn, Unique } from 'typeorm';
import { Customer } from '../customers/customer.entity.js';

/** An organization holds a customer. */
@Entity('customer_organization')
@Unique('customer_organization_once', ['customerId', 'organizationId'])
@Index('customer_organization_list', ['organizationId', 'customerCreatedAt', 'customerId'])
export class CustomerOrganization {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'customer_organization_pkey' })
  id!: string;

  @Column('uuid', { name: 'customer_id' })
  customerId!: string;

  @ManyToOne(() => Customer, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'customer_id', foreignKeyConstraintName: 'customer_organization_customer' })
  customer!: Customer;

  /** Owned by identity; kept true by its events. */
  @Column('uuid', { name: 'organization_id' })
  organizationId!: string;

  @Column('timestamptz', { name: 'created_at', nullable: true, default: () => 'now()' })
  createdAt!: Date | null;

  /** Kept by a trigger; the order of lists. */
  @Column({ type: 'timestamptz', name: 'customer_created_at', default: '-infinity', insert: false, update: false })
  customerCreatedAt!: Date;
}
