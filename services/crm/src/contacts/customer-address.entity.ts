import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { Customer } from '../customers/customer.entity.js';
import { Holders } from '../database/holders.js';

@Entity('customer_address')
@Index('customer_address_of_customer', ['customerId'])
@Index('customer_address_city', ['city'])
@Index('customer_address_state', ['state'])
@Index('customer_address_country', ['country'])
export class CustomerAddress {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'customer_address_pkey' })
  id!: string;

  @Column('uuid', { name: 'customer_id' })
  customerId!: string;

  @ManyToOne(() => Customer, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'customer_id', foreignKeyConstraintName: 'customer_address_customer' })
  customer!: Customer;

  @Column('text', { name: 'address_line1', nullable: true })
  addressLine1!: string | null;

  @Column('text', { name: 'address_line2', nullable: true })
  addressLine2!: string | null;

  @Column('text')
  city!: string;

  @Column('text')
  state!: string;

  @Column('text', { name: 'postal_code', nullable: true })
  postalCode!: string | null;

  @Column('text', { nullable: true })
  country!: string | null;

  @Column('timestamptz', { name: 'created_at', nullable: true, default: () => 'now()' })
  createdAt!: Date | null;

  @Column('timestamptz', { name: 'updated_at', nullable: true, default: () => 'now()' })
  updatedAt!: Date | null;

  /** As on the customer: kept by triggers, read by the policies. */
  @Holders()
  organizationIds!: string[];

  @Column({ type: 'uuid', name: 'user_id', nullable: true, insert: false, update: false })
  userId!: string | null;
}
