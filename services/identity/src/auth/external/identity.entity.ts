import { Column, Entity, Index, JoinColumn, ManyToOne, Unique } from 'typeorm';
import { Id } from '../../database/columns.js';
import { User } from '../../users/user.entity.js';

/** A user as somebody outside knows the user. */
@Entity('identities')
@Unique('identities_provider_subject_key', ['provider', 'subject'])
@Index('identities_user', ['userId'])
export class ExternalIdentityRow {
  @Id('identities_pkey')
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'identities_user_id_fkey' })
  user?: User;

  /** Name of the issuer in the configuration. */
  @Column('text')
  provider!: string;

  /** Claim `sub`. */
  @Column('text')
  subject!: string;

  /** What the issuer said last, as far as it is kept. */
  @Column('jsonb', { name: 'identity_data', default: () => "'{}'" })
  identityData!: object;

  @Column('timestamptz', { name: 'last_sign_in_at', nullable: true })
  lastSignInAt!: Date | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' })
  updatedAt!: Date;
}
