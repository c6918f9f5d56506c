import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { UnitOfWork } from '#common/database/index';
import { notFound, Problem } from '#common/http/index';
import { unchecked } from './check-outcome.js';
import { KeyCheck } from './key-check.js';
import { answerOf, lockKey, recordOutcome } from './known-key.js';
import { StoredKeys } from './stored-keys.js';

/** Checks at a time: each holds a connection to a provider for as long as that takes to answer. */
const limits = { user: 2, all: 32 };

/** Asks providers about stored keys and writes down what they say. */
@Injectable()
export class VerificationService {
  private readonly running = new Map<string, number>();
  private total = 0;

  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly stored: StoredKeys,
    private readonly keyCheck: KeyCheck,
  ) {}

  /** Raises 429 above the limits, and 409 when the key was replaced meanwhile: the answer was about the other one. */
  async verify(context: RequestContext, id: string) {
    const { userId } = context;
    const before = this.running.get(userId) ?? 0;
    if (before >= limits.user || this.total >= limits.all) {
      throw new Problem(429, 'too_many_requests', 'Too many keys are being checked; try again.', { retryAfter: 1 });
    }
    this.running.set(userId, before + 1);
    this.total += 1;
    try {
      return await this.checkAndRecord(context, id);
    } finally {
      this.total -= 1;
      const left = this.running.get(userId)! - 1;
      if (left > 0) this.running.set(userId, left);
      else this.running.delete(userId);
    }
  }

  /** No transaction is open while the provider is asked. */
  private async checkAndRecord(context: RequestContext, id: string) {
    const [own] = await this.unitOfWork.read(context, {
      text: 'SELECT FROM llm_api_keys AS k WHERE k.id = $1 AND k.user_id = app.usr()',
      values: [id],
    });
    const found = own && (await this.stored.find({ userId: context.userId, id }));
    if (!found) throw notFound('key');
    const outcome = found.open ? await this.keyCheck.check(found.open) : unchecked('key_unreadable');
    return this.unitOfWork.run(context, async (tx) => {
      const key = await lockKey(tx, id);
      tx.compare(answerOf(key));
      if (key.keyVersion !== found.keyVersion) {
        throw new Problem(409, 'conflict', 'The key was replaced while it was checked.');
      }
      return answerOf(recordOutcome(tx, key, outcome));
    });
  }
}
