import { Column, Entity, Index, JoinColumn, ManyToOne, Unique } from 'typeorm';
import { Id } from '../database/columns.js';
import { User } from '../users/user.entity.js';

/** One value per user and key. */
@Entity('user_preferences')
@Unique('user_preferences_user_id_preference_key_key', ['userId', 'preferenceKey'])
@Index('user_preferences_newest', { synchronize: false })
export class Preference {
  @Id('user_preferences_pkey')
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'user_preferences_user_id_fkey' })
  user?: User;

  @Column('text', { name: 'preference_key' })
  preferenceKey!: string;

  @Column('jsonb', { name: 'preference_value', nullable: true })
  preferenceValue!: unknown;

  @Column('timestamptz', { name: 'created_at', nullable: true, default: () => 'now()' })
  createdAt!: Date | null;

  @Column('timestamptz', { name: 'updated_at', nullable: true, default: () => 'now()' })
  updatedAt!: Date | null;

  @Column('integer', { default: 1 })
  version!: number;
}
