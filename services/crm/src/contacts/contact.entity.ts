import { Column } from 'typeorm';
import { Holders } from '../database/holders.js';

/** The columns that emails, phones and addresses have in common. */
export abstract class Contact {
  @Column('uuid', { name: 'customer_id' })
  customerId!: string;

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
