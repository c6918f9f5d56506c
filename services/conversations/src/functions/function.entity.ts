import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** JavaScript that a user keeps. Its owner is `userId`, else `createdBy`; the service sets both. */
@Entity('functions')
@Index('functions_of_owner', { synchronize: false })
@Index('functions_of_other_creators', { synchronize: false })
export class StoredFunction {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'functions_pkey' })
  id!: string;

  @Column('uuid', { name: 'created_by' })
  createdBy!: string;

  @Column('text')
  name!: string;

  @Column('text', { nullable: true })
  description!: string | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'updated_at', nullable: true, default: () => 'now()' })
  updatedAt!: Date | null;

  @Column('text')
  code!: string;

  @Column('uuid', { name: 'user_id', nullable: true })
  userId!: string | null;

  /** JSON Schema of the input. */
  @Column('jsonb', { nullable: true })
  parameters!: object | null;

  @Column('integer', { default: 1 })
  version!: number;
}
