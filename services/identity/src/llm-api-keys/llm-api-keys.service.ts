import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { LlmApiKeyAdded, LlmApiKeyRemoved } from '#common/contracts/index';
import { SecretBox } from '#common/crypto/index';
import { UnitOfWork } from '#common/database/index';
import {
  byText,
  byTime,
  changedAfter,
  invalid,
  type ListRow,
  notFound,
  pageJson,
  pageStatement,
  Problem,
} from '#common/http/index';
import { Outbound } from '#common/outbound/index';
import type { AddLlmApiKey, ChangeLlmApiKey, LlmApiKeysQuery } from './dto/llm-api-key.dto.js';
import { answerOf, emissionOf, keyJson, type KnownKey, lockKey } from './known-key.js';
import { LlmApiKey } from './llm-api-key.entity.js';
import { compatibleProvider } from './llm-providers.js';
import { keyContext } from './stored-keys.js';

/** Keys of one user at most. */
const keyLimit = 100;

@Injectable()
export class LlmApiKeysService {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly box: SecretBox,
    private readonly outbound: Outbound,
  ) {}

  async list(context: RequestContext, query: LlmApiKeysQuery): Promise<string> {
    const page = pageStatement<LlmApiKeysQuery>(
      {
        item: keyJson,
        from: 'llm_api_keys AS k',
        alias: 'k',
        where: 'k.user_id = app.usr()',
        filters: {
          provider: 'k.provider = ?',
          verificationStatus: 'k.verification_status = ?',
          ...changedAfter('k.created_at', 'k.updated_at'),
        },
        sorts: { updatedAt: byTime('k.updated_at'), provider: byText('k.provider') },
      },
      query,
    );
    return pageJson(await this.unitOfWork.read<ListRow>(context, page), query);
  }

  async read(context: RequestContext, id: string): Promise<string> {
    const [row] = await this.unitOfWork.read<{ item: string }>(context, {
      text: `SELECT ${keyJson}::text AS item FROM llm_api_keys AS k WHERE k.id = $1 AND k.user_id = app.usr()`,
      values: [id],
    });
    if (!row) throw notFound('key');
    return row.item;
  }

  add(context: RequestContext, { provider, apiKey, baseUrl }: AddLlmApiKey) {
    const place = this.placeOf(provider, baseUrl ?? null);
    return this.unitOfWork.run(context, async (tx) => {
      tx.execute(`SELECT pg_advisory_xact_lock(hashtextextended('llm keys of ' || app.usr(), 0))`);
      const [full] = await tx.query('SELECT FROM llm_api_keys WHERE user_id = app.usr() OFFSET $1 LIMIT 1', [
        keyLimit - 1,
      ]);
      if (full) throw new Problem(409, 'too_many_keys', `A user has ${keyLimit} keys at most.`);
      const key: KnownKey = {
        id: tx.newId(),
        userId: tx.caller.userId,
        ...place,
        createdAt: tx.now,
        keyVersion: 1,
        ...unverified(apiKey, tx.now),
        version: 1,
      };
      tx.insert(LlmApiKey, { ...key, apiKey: this.box.seal(apiKey, keyContext(key)) });
      tx.emit(LlmApiKeyAdded, emissionOf(key));
      return answerOf(key);
    });
  }

  /** Another key, maybe for another place; nothing is known of it, so it is unverified. */
  change(context: RequestContext, id: string, { provider, apiKey, baseUrl }: ChangeLlmApiKey) {
    return this.unitOfWork.run(context, async (tx) => {
      const key = await lockKey(tx, id);
      tx.compare(answerOf(key));
      const stays = provider === undefined || provider === key.provider;
      const place = this.placeOf(provider ?? key.provider, baseUrl ?? (stays ? key.baseUrl : null));
      if (apiKey === undefined) {
        if (stays && place.baseUrl === key.baseUrl) return answerOf(key);
        throw invalid('/apiKey', 'another provider or baseUrl takes another apiKey');
      }
      const change = {
        ...place,
        keyVersion: key.keyVersion + 1,
        ...unverified(apiKey, tx.now),
        version: key.version + 1,
      };
      const changed = { ...key, ...change };
      const sealed = this.box.seal(apiKey, keyContext(changed));
      tx.update(LlmApiKey, { id, userId: key.userId }, { ...change, apiKey: sealed });
      tx.emit(LlmApiKeyAdded, emissionOf(changed));
      return answerOf(changed);
    });
  }

  remove(context: RequestContext, id: string): Promise<void> {
    return this.unitOfWork.run(context, async (tx) => {
      const key = await lockKey(tx, id);
      tx.compare(answerOf(key));
      tx.remove(LlmApiKey, { id, userId: key.userId });
      tx.emit(LlmApiKeyRemoved, emissionOf({ ...key, version: key.version + 1 }));
    });
  }

  /** Where a key is for; raises 400 for a URL that identity would not call. */
  private placeOf(provider: string, baseUrl: string | null): Pick<KnownKey, 'provider' | 'baseUrl'> {
    if (provider !== compatibleProvider) {
      if (baseUrl !== null) throw invalid('/baseUrl', `only ${compatibleProvider} has a baseUrl`);
      return { provider, baseUrl };
    }
    if (baseUrl === null || !URL.canParse(baseUrl)) throw invalid('/baseUrl', 'baseUrl must be a URL');
    const url = new URL(baseUrl);
    if (url.search !== '' || url.hash !== '') throw invalid('/baseUrl', 'baseUrl must not hold a query or a fragment');
    const refusal = this.outbound.refusalOf(url);
    if (refusal !== undefined) throw invalid('/baseUrl', `baseUrl ${refusal}`);
    return { provider, baseUrl: url.href.replace(/\/+$/, '') };
  }
}

const unverified = (apiKey: string, updatedAt: Date) => ({
  last4: apiKey.slice(-4),
  verified: false,
  verificationStatus: 'unverified' as const,
  verificationReason: null,
  checkedAt: null,
  verifiedAt: null,
  updatedAt,
});
