import { Column, Entity, Index, JoinColumn, ManyToOne, Unique } from 'typeorm';
import type { Role } from '#common/auth/index';
import { Id } from '../database/columns.js';
import { Organization } from '../organizations/organization.entity.js';
import { User } from '../users/user.entity.js';

/** A user's place in an organization, or the invitation to take it. */
@Entity('user_profile')
@Unique('user_profile_user_id_key', ['userId'])
@Unique('user_profile_organization_email_key', ['organizationId', 'email'])
@Index('user_profile_newest', { synchronize: false })
export class Profile {
  @Id('user_profile_pkey')
  id!: string;

  @Column('uuid', { name: 'organization_id' })
  organizationId!: string;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'user_profile_organization_id_fkey' })
  organization?: Organization;

  @Column('text')
  role!: Role;

  @Column('timestamptz', { name: 'created_at', nullable: true, default: () => 'now()' })
  createdAt!: Date | null;

  @Column('timestamptz', { name: 'updated_at', nullable: true, default: () => 'now()' })
  updatedAt!: Date | null;

  /** Null until the invitation is accepted. */
  @Column('uuid', { name: 'user_id', nullable: true })
  userId!: string | null;

  @ManyToOne(() => User)
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'user_profile_user_id_fkey' })
  user?: User | null;

  /** The address that was invited, or that of the user; unlike `users.email`, the whole organization may read it. */
  @Column('text', { nullable: true })
  email!: string | null;

  @Column('integer', { default: 1 })
  version!: number;
}
