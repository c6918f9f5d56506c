import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Something that was done in an organization. Rows are only ever added; the retention of the owner's role removes them. */
@Entity('audit_log')
@Index('audit_log_newest', { synchronize: false })
@Index('audit_log_actor', { synchronize: false })
@Index('audit_log_target', { synchronize: false })
@Index('audit_log_kind', { synchronize: false })
export class AuditEntry {
  /** The event's id, so that what is told twice is recorded once. */
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'audit_log_pkey' })
  id!: string;

  /** Refers to nothing: the log outlives the organization. */
  @Column('uuid', { name: 'organization_id' })
  organizationId!: string;

  @Column('timestamptz', { name: 'occurred_at' })
  occurredAt!: Date;

  /** The service in which it was done. */
  @Column('text')
  source!: string;

  /** The first word of the type. */
  @Column('text')
  kind!: string;

  @Column('text')
  type!: string;

  /** What it was done to. */
  @Column('uuid', { name: 'target_id' })
  targetId!: string;

  /** Null for the system itself, and for somebody who could not prove who it is. */
  @Column('uuid', { name: 'actor_id', nullable: true })
  actorId!: string | null;

  /** Whether the actor was a platform admin. */
  @Column('boolean', { name: 'by_operator', default: false })
  byOperator!: boolean;

  @Column('text', { name: 'trace_id', nullable: true })
  traceId!: string | null;

  /** What changed: named fields only, no text of a user's and no address. */
  @Column('jsonb', { default: () => "'{}'" })
  detail!: object;

  @Column('timestamptz', { name: 'recorded_at', default: () => 'now()' })
  recordedAt!: Date;
}
