import { Column, Entity, Generated, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';

/** Its status is derived and never stored: revoked > suspended > expired > expiring (30 days or less) > active. */
@Entity('licenses')
@Unique('licenses_license_key_key', ['licenseKey'])
@Index('licenses_one_trial', ['organizationId'], { unique: true, where: 'trial' })
@Index('licenses_organization', { synchronize: false })
@Index('licenses_place', { synchronize: false })
@Index('licenses_next_notice', { synchronize: false })
export class License {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'licenses_pkey' })
  id!: string;

  @Column({ type: 'uuid', name: 'organization_id', update: false })
  organizationId!: string;

  /** What an installed product presents; made by the database, so that nothing about it can be guessed. */
  @Generated('uuid')
  @Column({ type: 'uuid', name: 'license_key', insert: false, update: false })
  licenseKey!: string;

  /** Null: never expires. */
  @Column('timestamptz', { name: 'expiration_date', nullable: true })
  expirationDate!: Date | null;

  @Column({ type: 'timestamptz', name: 'created_at', nullable: true, default: () => 'now()', update: false })
  createdAt!: Date | null;

  @Column('timestamptz', { name: 'updated_at', nullable: true, default: () => 'now()' })
  updatedAt!: Date | null;

  @Column({ type: 'integer', default: 1, insert: false })
  version!: number;

  /** The license that every new organization receives, at most once. */
  @Column({ type: 'boolean', default: false, insert: false, update: false })
  trial!: boolean;

  @Column({ type: 'timestamptz', name: 'suspended_at', nullable: true, insert: false })
  suspendedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'revoked_at', nullable: true, insert: false })
  revokedAt!: Date | null;

  /** The expiration date that `noticeDays` is about. */
  @Column('timestamptz', { name: 'notice_date', nullable: true })
  noticeDate!: Date | null;

  /** The nearest notice given, or passed over when the date was set: 30, 7 or 1 days before, 0 at the date; null for none. */
  @Column('smallint', { name: 'notice_days', nullable: true })
  noticeDays!: number | null;
}
