import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { Customer } from '../customers/customer.entity.js';
import { Contact } from './contact.entity.js';

@Entity('customer_phone')
@Index('customer_phone_of_customer', ['customerId'])
@Index('customer_phone_primary', ['customerId'], { unique: true, where: 'is_primary' })
@Index('customer_phone_e164', ['phoneE164'])
export class CustomerPhone extends Contact {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'customer_phone_pkey' })
  id!: string;

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

  /** E.164, without an extension: what numbers are compared by. */
  @Column('text', { name: 'phone_e164', nullable: true })
  phoneE164!: string | null;
}
