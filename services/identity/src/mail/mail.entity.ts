import { Column, Entity, Index } from 'typeorm';
import { Id } from '../database/columns.js';

/** A mail that waits to be sent; removed once the server has taken it. */
@Entity('mails')
@Index('mails_due', ['dueAt'])
export class Mail {
  @Id('mails_pkey')
  id!: string;

  @Column('text')
  recipient!: string;

  /** Name of the template. */
  @Column('text')
  template!: string;

  /** Sealed values for the template: links and codes are secrets. */
  @Column('text')
  content!: string;

  @Column('integer', { default: 0 })
  attempts!: number;

  /** When it is to be sent, or tried again. */
  @Column('timestamptz', { name: 'due_at', default: () => 'now()' })
  dueAt!: Date;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
