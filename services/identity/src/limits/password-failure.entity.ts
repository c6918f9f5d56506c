import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Wrong passwords for one address, whether or not it has an account. */
@Entity('password_failures')
@Index('password_failures_ended', ['expiresAt'])
export class PasswordFailure {
  /** SHA-256. */
  @PrimaryColumn('bytea', { name: 'address_hash', primaryKeyConstraintName: 'password_failures_pkey' })
  addressHash!: Buffer;

  @Column('integer')
  failures!: number;

  /** Until then a right password is answered like a wrong one. */
  @Column('timestamptz', { name: 'locked_until', nullable: true })
  lockedUntil!: Date | null;

  /** When all of this is forgotten. */
  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;
}
