import type { JWK } from 'jose';
import { Check, Column, Entity, Index } from 'typeorm';
import { Id } from '../../database/columns.js';

/** `standby` is published and signs next, `current` signs, `retired` has signed; all of them verify. */
export type KeyStatus = 'standby' | 'current' | 'retired';

/** A key pair for access tokens (ES256); its id is the `kid`. */
@Entity('signing_keys')
@Index('signing_keys_current', ['status'], { unique: true, where: `status = 'current'` })
@Index('signing_keys_standby', ['status'], { unique: true, where: `status = 'standby'` })
@Check('signing_keys_private', `(private_key IS NULL) = (status = 'retired')`)
export class SigningKey {
  @Id('signing_keys_pkey')
  id!: string;

  @Column('text')
  status!: KeyStatus;

  @Column('jsonb', { name: 'public_key' })
  publicKey!: JWK;

  /** Sealed JWK; a retired key has none, so it signs nothing any more. */
  @Column('text', { name: 'private_key', nullable: true })
  privateKey!: string | null;

  /** Since when it is published. */
  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  /** When the standby key is to sign, if somebody asked for it; else the current key's age decides. */
  @Column('timestamptz', { name: 'activate_at', nullable: true })
  activateAt!: Date | null;

  @Column('timestamptz', { name: 'activated_at', nullable: true })
  activatedAt!: Date | null;

  @Column('timestamptz', { name: 'retired_at', nullable: true })
  retiredAt!: Date | null;
}
