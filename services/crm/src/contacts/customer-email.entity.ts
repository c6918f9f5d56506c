import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { Customer } from '../customers/customer.entity.js';
import { Contact } from './contact.entity.js';

@Entity('customer_email')
@Index('customer_email_of_customer', ['customerId'])
@Index('customer_email_primary', ['customerId'], { unique: true, where: 'is_primary' })
@Index('customer_email_lower', ['emailLower'])
export class CustomerEmail extends Contact {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'customer_email_pkey' })
  id!: string;

  @ManyToOne(() => Customer, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'customer_id', foreignKeyConstraintName: 'customer_email_customer' })
  customer!: Customer;

  @Column('text')
  email!: string;

  @Column('boolean', { name: 'is_primary', nullable: true, default: false })
  isPrimary!: boolean | null;

  /** Kept by a trigger; what addresses are compared by. */
  @Column({ type: 'text', name: 'email_lower', default: '', insert: false, update: false })
  emailLower!: string;
}
