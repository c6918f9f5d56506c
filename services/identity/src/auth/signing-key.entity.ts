import type { JWK } from 'jose';
import { Column, Entity, Index } from 'typeorm';
import { Id } from '../database/columns.js';

/** A key pair for access tokens (ES256); its id is the `kid`. */
@Entity('signing_keys')
@Index('signing_keys_current', ['status'], { unique: true, where: `status = 'current'` })
export class SigningKey {
  @Id('signing_keys_pkey')
  id!: string;

  /** `current` signs; every key verifies. */
  @Column('text')
  status!: string;

  @Column('jsonb', { name: 'public_key' })
  publicKey!: JWK;

  /** Sealed JWK. */
  @Column('text', { name: 'private_key' })
  privateKey!: string;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
