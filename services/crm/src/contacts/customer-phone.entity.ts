import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { Customer } from '../customers/customer.entity.js';
import { Holders } from '../database/holders.js';

@Entity('customer_phone')
@Index('customer_phone_of_customer', ['customerId'])
@Index('customer_phone_primary', ['customerId'], { unique: true, where: 'is_primary' })
@Index('customer_phone_e164', ['phoneE164'])
export class CustomerPhone {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'customer_phone_pkey' })
  id!: string;

  @Column('uuid', { name: 'customer_id' })
  customerId!: string;

  @ManyToOne(() => Customer, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'customer_id', foreignKeyConstraintName: 'customer_phone_customer' })
  customer!: Customer;

  /** As it was typed. */
  @Column('text')
  phone!: string;

  @Column('text', { nullable: true })
  type!: string | null;

  @Column('boolean', { name: 'is_primary', nullable: true, default: false })
  isPrimary!: boolean | null;

  @Column('timestamptz', { name: 'created_at', nullable: true, default: () => 'now()' })
  createdAt!: Date | null;

  @Column('timestamptz', { name: 'updated_at', nullable: true, default: () => 'now()' })
  updatedAt!: Date | null;

  /** E.164, without an extension: what numbers are compared by. */
  @Column('text', { name: 'phone_e164', nullable: true })
  phoneE164!: string | null;

  /** As on the customer: kept by triggers, read by the policies. */
  @Holders()
  organizationIds!: string[];

  @Column({ type: 'uuid', name: 'user_id', nullable: true, insert: false, update: false })
  userId!: string | null;
}
