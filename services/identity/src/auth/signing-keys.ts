import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { SecretBox } from '#common/crypto/index';
import { SystemUnitOfWork } from '#common/database/index';
import { continueTrace } from '#common/observability/index';
import { SigningKey } from './signing-key.entity.js';

type PrivateKey = Awaited<ReturnType<typeof importJWK>>;

export interface CurrentKey {
  readonly kid: string;
  readonly key: PrivateKey;
}

/** Milliseconds for which the current key is remembered. */
const rememberFor = 30_000;

const contextOf = (kid: string): string => `signing_keys:${kid}`;

/** The private half of the keys that sign access tokens. */
@Injectable()
export class SigningKeys {
  private remembered: { readonly current: CurrentKey; readonly until: number } | undefined;

  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly box: SecretBox,
  ) {}

  /** The key to sign with; the first call ever, by whichever replica, makes it. */
  async current(): Promise<CurrentKey> {
    if (this.remembered && this.remembered.until > performance.now()) return this.remembered.current;
    const current = (await this.find()) ?? (await this.make());
    this.remembered = { current, until: performance.now() + rememberFor };
    return current;
  }

  private async find(): Promise<CurrentKey | undefined> {
    const [row] = await this.system.read<{ id: string; private_key: string }>({
      text: `SELECT id, private_key FROM signing_keys WHERE status = 'current'`,
    });
    if (!row) return undefined;
    const jwk = JSON.parse(this.box.open(row.private_key, contextOf(row.id))) as JWK;
    return { kid: row.id, key: await importJWK(jwk, 'ES256') };
  }

  private async make(): Promise<CurrentKey> {
    const id = randomUUID();
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const sealed = this.box.seal(JSON.stringify(await exportJWK(privateKey)), contextOf(id));
    const row: Partial<SigningKey> = {
      id,
      status: 'current',
      publicKey: await exportJWK(publicKey),
      privateKey: sealed,
    };
    await this.system.run({ trace: continueTrace(undefined) }, async (tx) => {
      tx.execute(
        `INSERT INTO signing_keys (id, status, public_key, private_key) VALUES ($1, $2, $3, $4)
         ON CONFLICT (status) WHERE status = 'current' DO NOTHING`,
        [row.id, row.status, row.publicKey, row.privateKey],
      );
    });
    return (await this.find())!;
  }
}
