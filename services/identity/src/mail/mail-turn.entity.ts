import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** When an address was last sent a mail of some kind at somebody's request. */
@Entity('mail_turns')
@Index('mail_turns_taken', ['takenAt'])
export class MailTurn {
  /** SHA-256 of kind and address: nobody needs to read the addresses that strangers have typed. */
  @PrimaryColumn('bytea', { primaryKeyConstraintName: 'mail_turns_pkey' })
  key!: Buffer;

  @Column('timestamptz', { name: 'taken_at' })
  takenAt!: Date;
}
