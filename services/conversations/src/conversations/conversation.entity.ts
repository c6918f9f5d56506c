import { Column, Entity, Generated, Index, PrimaryGeneratedColumn } from 'typeorm';

@Entity('conversations')
@Index('conversations_of_user', { synchronize: false })
export class Conversation {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'conversations_pkey' })
  id!: string;

  @Column('text', { nullable: true })
  title!: string | null;

  @Column('text', { nullable: true })
  subject!: string | null;

  @Column('timestamptz', { name: 'created_at', nullable: true, default: () => 'now()' })
  createdAt!: Date | null;

  /** Also moves with every new message. */
  @Column('timestamptz', { name: 'updated_at', nullable: true, default: () => 'now()' })
  updatedAt!: Date | null;

  /** The default is the seed's; the service always sets the owner. */
  @Column('uuid', { name: 'user_id', nullable: true })
  @Generated('uuid')
  userId!: string | null;

  @Column('integer', { default: 1 })
  version!: number;
}
