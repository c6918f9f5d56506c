import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What licensing knows of identity's organizations; a row is never removed, so that no late license outlives a deletion. */
@Entity('ref_organization')
export class RefOrganization {
  @PrimaryColumn('uuid', { name: 'organization_id', primaryKeyConstraintName: 'ref_organization_pkey' })
  organizationId!: string;

  @Column('boolean', { name: 'is_operator' })
  isOperator!: boolean;

  @Column('integer')
  epoch!: number;

  @Column('integer')
  version!: number;

  /** Decimal: bigint. */
  @Column('bigint', { default: 0 })
  sequence!: string;

  @Column('timestamptz', { name: 'deleted_at', nullable: true })
  deletedAt!: Date | null;
}
