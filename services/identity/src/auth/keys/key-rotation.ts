import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { exportJWK, generateKeyPair } from 'jose';
import { SecretBox } from '#common/crypto/index';
import { SystemUnitOfWork, type Tx } from '#common/database/index';
import { Loop } from '#common/events/index';
import { continueTrace, createLogger } from '#common/observability/index';
import { IdentityConfig } from '../../identity.config.js';
import { isNothing, type KeyPlan, planOf } from './key-plan.js';
import { type KeyRow, keysText, lockKeys, promoteStandby } from './key-rows.js';
import { SigningKey } from './signing-key.entity.js';

/** Milliseconds between two looks at the keys. */
const lookEvery = 2_000;
const secondsPerDay = 86_400;

/** What a sealed private key is bound to. */
export const contextOf = (kid: string): string => `signing_keys:${kid}`;

/** Makes, promotes and removes signing keys when it is time; runs in every replica, and one at a time does something. */
@Injectable()
export class KeyRotation implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger;
  private readonly loop: Loop;

  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly box: SecretBox,
    private readonly config: IdentityConfig,
  ) {
    this.logger = createLogger('identity', config.LOG_LEVEL);
    this.loop = new Loop('rotation of signing keys', this.logger, async () => {
      await this.round();
      return lookEvery;
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** Does what is due by the database's clock. */
  async round(): Promise<void> {
    const { keys, now } = await this.look();
    if (isNothing(this.plan(keys, now))) return;
    const done = await this.system.run({ trace: continueTrace(undefined) }, (tx) => this.work(tx));
    if (!isNothing(done)) this.logger.info({ ...done }, 'signing keys changed');
  }

  private plan(keys: readonly KeyRow[], now: Date): KeyPlan {
    return planOf(keys, now, this.config.SIGNING_KEY_LIFETIME * secondsPerDay);
  }

  private async look(): Promise<{ keys: KeyRow[]; now: Date }> {
    const rows = await this.system.read<KeyRow & { now: Date }>({
      text: `SELECT clock.now, k.* FROM (SELECT now()) AS clock LEFT JOIN (${keysText}) AS k ON true`,
    });
    return { keys: rows.filter(({ id }) => id !== null), now: rows[0]!.now };
  }

  private async work(tx: Tx): Promise<KeyPlan> {
    const plan = this.plan(await lockKeys(tx), tx.now);
    for (const id of plan.removed) tx.execute(`DELETE FROM signing_keys WHERE id = $1 AND status = 'retired'`, [id]);
    if (plan.promotes) promoteStandby(tx);
    for (const status of plan.made) await this.make(tx, status);
    return plan;
  }

  private async make(tx: Tx, status: 'current' | 'standby'): Promise<void> {
    const id = tx.newId();
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    tx.insert(SigningKey, {
      id,
      status,
      publicKey: await exportJWK(publicKey),
      privateKey: this.box.seal(JSON.stringify(await exportJWK(privateKey)), contextOf(id)),
      createdAt: tx.now,
      ...(status === 'current' && { activatedAt: tx.now }),
    });
  }
}
