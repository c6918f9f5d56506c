import { Injectable } from '@nestjs/common';
import { importJWK, type JWK } from 'jose';
import { SecretBox } from '#common/crypto/index';
import { SystemUnitOfWork } from '#common/database/index';
import { unavailable } from '#common/http/index';
import { contextOf, KeyRotation } from './key-rotation.js';
import { currentFor } from './key-times.js';

type PrivateKey = Awaited<ReturnType<typeof importJWK>>;

export interface CurrentKey {
  readonly kid: string;
  readonly key: PrivateKey;
}

/** The private half of the key that signs access tokens. */
@Injectable()
export class SigningKeys {
  private remembered: { readonly current: CurrentKey; readonly until: number } | undefined;

  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly box: SecretBox,
    private readonly rotation: KeyRotation,
  ) {}

  /** The key to sign with; the first call ever, by whichever replica, makes it. */
  async current(): Promise<CurrentKey> {
    if (this.remembered && this.remembered.until > performance.now()) return this.remembered.current;
    const until = performance.now() + currentFor;
    const current = (await this.find()) ?? (await this.firstEver());
    this.remembered = { current, until };
    return current;
  }

  private async firstEver(): Promise<CurrentKey> {
    await this.rotation.round();
    const made = await this.find();
    if (!made) throw unavailable('The signing key');
    return made;
  }

  private async find(): Promise<CurrentKey | undefined> {
    const [row] = await this.system.read<{ id: string; private_key: string }>({
      text: `SELECT id, private_key FROM signing_keys WHERE status = 'current'`,
    });
    if (!row || row.id === this.remembered?.current.kid) return row && this.remembered!.current;
    const jwk = JSON.parse(this.box.open(row.private_key, contextOf(row.id))) as JWK;
    return { kid: row.id, key: await importJWK(jwk, 'ES256') };
  }
}
