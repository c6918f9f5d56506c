import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { SystemUnitOfWork, UnitOfWork } from '#common/database/index';
import { createLogger } from '#common/observability/index';
import { admitPlatformAdmin } from '#common/operations/index';
import { recordAct } from '../../audit/record-act.js';
import { IdentityConfig } from '../../identity.config.js';
import { type KeyRow, keysText, requestRotation, revokeKey } from './key-rows.js';
import { KeyRotation } from './key-rotation.js';

const answerOf = ({ id, status, createdAt, activateAt, activatedAt, retiredAt }: KeyRow) => ({
  id,
  status,
  createdAt,
  activateAt,
  activatedAt,
  retiredAt,
});

/** What a platform admin sees of the signing keys, and does with them; who it was stands in the audit log of the operator. */
@Injectable()
export class KeysAdmin {
  private readonly logger;

  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly system: SystemUnitOfWork,
    private readonly rotation: KeyRotation,
    config: IdentityConfig,
  ) {
    this.logger = createLogger('identity', config.LOG_LEVEL);
  }

  async list(context: RequestContext) {
    await admitPlatformAdmin(this.unitOfWork, context);
    return { data: (await this.system.read<KeyRow>({ text: keysText })).map(answerOf) };
  }

  /** Answers the key that signs next, and from when on. */
  async rotate(context: RequestContext, now: boolean) {
    await admitPlatformAdmin(this.unitOfWork, context);
    const next = await this.unitOfWork.run(context, async (tx) => {
      const standby = await requestRotation(tx, now);
      recordAct(tx, { type: 'signing_key.rotated', targetId: standby.id, userId: context.userId });
      return answerOf(standby);
    });
    this.logger.warn({ actorId: context.userId, kid: next.id, now }, 'rotation of signing keys asked for');
    await this.rotation.round();
    return next;
  }

  async revoke(context: RequestContext, keyId: string): Promise<void> {
    await admitPlatformAdmin(this.unitOfWork, context);
    const { trace, userId } = context;
    await this.system.run({ trace, actorId: userId }, async (tx) => {
      await revokeKey(tx, keyId);
      recordAct(tx, { type: 'signing_key.revoked', targetId: keyId, userId });
    });
    this.logger.warn({ actorId: userId, kid: keyId }, 'signing key revoked');
    await this.rotation.round();
  }
}
