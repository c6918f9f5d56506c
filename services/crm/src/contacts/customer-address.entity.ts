import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { Customer } from '../customers/customer.entity.js';
import { Contact } from './contact.entity.js';

@Entity('customer_address')
@Index('customer_address_of_customer', ['customerId'])
@Index('customer_address_city', ['city'])
@Index('customer_address_state', ['state'])
@Index('customer_address_country', ['country'])
export class CustomerAddress extends Contact {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'customer_address_pkey' })
  id!: string;

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
}
