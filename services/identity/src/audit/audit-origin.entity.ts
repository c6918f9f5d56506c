import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** From where an entry's actor acted. Personal, so it goes with the account, while the entry stays. */
@Entity('audit_origins')
@Index('audit_origins_user', ['userId'])
export class AuditOrigin {
  @PrimaryColumn('uuid', { name: 'entry_id', primaryKeyConstraintName: 'audit_origins_pkey' })
  entryId!: string;

  /** The account with which it goes: the actor's, or the one that somebody tried to enter. */
  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @Column('text')
  address!: string;

  @Column('text', { name: 'user_agent', nullable: true })
  userAgent!: string | null;
}
