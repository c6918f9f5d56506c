import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Requests of one client, or about one account, in the window that runs. */
@Entity('rate_limits')
@Index('rate_limits_ended', ['resetsAt'])
export class RateLimit {
  /** SHA-256 of the limit's name and of whom it counts. */
  @PrimaryColumn('bytea', { primaryKeyConstraintName: 'rate_limits_pkey' })
  key!: Buffer;

  @Column('integer')
  used!: number;

  @Column('timestamptz', { name: 'resets_at' })
  resetsAt!: Date;
}
