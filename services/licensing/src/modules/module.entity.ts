import { Column, Entity, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';

/** A capability that licenses grant. Its code is fixed for life: products and guards are built on it. */
@Entity('modules')
@Unique('modules_code_key', ['code'])
@Index('modules_place', { synchronize: false })
export class Module {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'modules_pkey' })
  id!: string;

  @Column({ type: 'text', update: false })
  code!: string;

  @Column('text')
  name!: string;

  @Column({ type: 'integer', default: 1, insert: false })
  version!: number;

  @Column({ type: 'timestamptz', name: 'created_at', nullable: true, default: () => 'now()', update: false })
  createdAt!: Date | null;

  @Column('timestamptz', { name: 'updated_at', nullable: true, default: () => 'now()' })
  updatedAt!: Date | null;
}
