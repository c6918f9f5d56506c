import { Column, Entity, JoinColumn, ManyToOne, PrimaryGeneratedColumn, Unique } from 'typeorm';
import { Customer } from '../customers/customer.entity.js';
import { Holders } from '../database/holders.js';

/** A customer is a user: one of one, both ways. */
@Entity('customer_user')
@Unique('customer_user_customer_once', ['customerId'])
@Unique('customer_user_user_once', ['userId'])
export class CustomerUser {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'customer_user_pkey' })
  id!: string;

  @Column('uuid', { name: 'customer_id' })
  customerId!: string;

  @ManyToOne(() => Customer, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'customer_id', foreignKeyConstraintName: 'customer_user_customer' })
  customer!: Customer;

  /** Owned by identity; kept true by its events. */
  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @Column('timestamptz', { name: 'created_at', nullable: true, default: () => 'now()' })
  createdAt!: Date | null;

  /** The profile by which the user could be linked: when it is deleted, so is the link. */
  @Column('uuid', { name: 'profile_id', nullable: true })
  profileId!: string | null;

  /** As on the customer: kept by a trigger, read by the policies. */
  @Holders("'{}'")
  organizationIds!: string[];
}
