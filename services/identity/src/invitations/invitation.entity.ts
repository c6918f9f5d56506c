import { Column, Entity, Index, JoinColumn, ManyToOne, Unique } from 'typeorm';
import { Id } from '../database/columns.js';
import { Organization } from '../organizations/organization.entity.js';
import { Profile } from '../profiles/profile.entity.js';

/** What turns an invited profile into a user's; removed when it is accepted. */
@Entity('invitations')
@Unique('invitations_profile_id_key', ['profileId'])
@Unique('invitations_token_hash_key', ['tokenHash'])
@Index('invitations_organization', ['organizationId'])
export class Invitation {
  @Id('invitations_pkey')
  id!: string;

  @Column('uuid', { name: 'profile_id' })
  profileId!: string;

  @ManyToOne(() => Profile, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'profile_id', foreignKeyConstraintName: 'invitations_profile_id_fkey' })
  profile?: Profile;

  @Column('uuid', { name: 'organization_id' })
  organizationId!: string;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'invitations_organization_id_fkey' })
  organization?: Organization;

  /** SHA-256. */
  @Column('bytea', { name: 'token_hash' })
  tokenHash!: Buffer;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
