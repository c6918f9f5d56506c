import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { LlmApiKeyAdded, LlmApiKeyRemoved } from '#common/contracts/index';
import { SecretBox } from '#common/crypto/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import { invalid, type ListRow, notFound, pageJson, type PageQuery, pageStatement } from '#common/http/index';
import type { AddLlmApiKey, ChangeLlmApiKey } from './dto/llm-api-key.dto.js';
import { LlmApiKey } from './llm-api-key.entity.js';

/** A key without the secret: the requests' role cannot read it back. */
type KnownKey = Omit<LlmApiKey, 'apiKey' | 'user'>;

const keyJson = `json_build_object('id', k.id, 'provider', k.provider, 'last4', k.last4,
  'verified', coalesce(k.verified, false), 'verificationStatus', k.verification_status,
  'verifiedAt', app.iso(k.verified_at), 'createdAt', app.iso(k.created_at), 'updatedAt', app.iso(k.updated_at))`;

const answerOf = (key: KnownKey) => ({
  id: key.id,
  provider: key.provider,
  last4: key.last4,
  verified: key.verified ?? false,
  verificationStatus: key.verificationStatus,
  verifiedAt: key.verifiedAt?.toISOString() ?? null,
  createdAt: key.createdAt?.toISOString() ?? null,
  updatedAt: key.updatedAt?.toISOString() ?? null,
});

const emissionOf = ({ id, userId, provider, version }: KnownKey) => ({
  aggregateId: id,
  version,
  data: { keyId: id, userId, provider },
  audience: { users: [userId] },
});

/** What a sealed key is bound to: moved to another row or provider, it does not open. */
const contextOf = (id: string, provider: string): string => `llm_api_keys:${id}:${provider}`;

@Injectable()
export class LlmApiKeysService {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly box: SecretBox,
  ) {}

  async list(context: RequestContext, query: PageQuery): Promise<string> {
    const source = { item: keyJson, from: 'llm_api_keys AS k', alias: 'k', where: 'k.user_id = app.usr()' };
    return pageJson(await this.unitOfWork.read<ListRow>(context, pageStatement(source, query)), query.limit);
  }

  async read(context: RequestContext, id: string): Promise<string> {
    const [row] = await this.unitOfWork.read<{ item: string }>(context, {
      text: `SELECT ${keyJson}::text AS item FROM llm_api_keys AS k WHERE k.id = $1 AND k.user_id = app.usr()`,
      values: [id],
    });
    if (!row) throw notFound('key');
    return row.item;
  }

  add(context: RequestContext, { provider, apiKey }: AddLlmApiKey) {
    return this.unitOfWork.run(context, async (tx) => {
      const id = tx.newId();
      const key: KnownKey = {
        id,
        userId: tx.caller.userId,
        provider,
        createdAt: tx.now,
        ...unverified(apiKey, tx.now),
        version: 1,
      };
      tx.insert(LlmApiKey, { ...key, apiKey: this.box.seal(apiKey, contextOf(id, provider)) });
      tx.emit(LlmApiKeyAdded, emissionOf(key));
      return answerOf(key);
    });
  }

  /** Another key, maybe of another provider; nothing is known of it, so it is unverified. */
  change(context: RequestContext, id: string, { provider, apiKey }: ChangeLlmApiKey) {
    return this.unitOfWork.run(context, async (tx) => {
      const key = await this.lock(tx, id);
      if (apiKey === undefined) {
        if (provider === undefined || provider === key.provider) return answerOf(key);
        throw invalid('/apiKey', 'another provider takes another apiKey');
      }
      const change = { provider: provider ?? key.provider, ...unverified(apiKey, tx.now), version: key.version + 1 };
      const sealed = this.box.seal(apiKey, contextOf(id, change.provider));
      tx.update(LlmApiKey, { id, userId: key.userId }, { ...change, apiKey: sealed });
      const changed = { ...key, ...change };
      tx.emit(LlmApiKeyAdded, emissionOf(changed));
      return answerOf(changed);
    });
  }

  remove(context: RequestContext, id: string): Promise<void> {
    return this.unitOfWork.run(context, async (tx) => {
      const key = await this.lock(tx, id);
      tx.remove(LlmApiKey, { id, userId: key.userId });
      tx.emit(LlmApiKeyRemoved, emissionOf({ ...key, version: key.version + 1 }));
    });
  }

  private async lock(tx: RequestTx, id: string): Promise<KnownKey> {
    const [key] = await tx.query<KnownKey & { [column: string]: unknown }>(
      `SELECT k.id, k.user_id AS "userId", k.provider, k.created_at AS "createdAt", k.updated_at AS "updatedAt", k.verified,
         k.verification_status AS "verificationStatus", k.verified_at AS "verifiedAt", k.last4, k.version
       FROM llm_api_keys AS k WHERE k.id = $1 AND k.user_id = app.usr() FOR UPDATE`,
      [id],
    );
    if (!key) throw notFound('key');
    return key;
  }
}

const unverified = (apiKey: string, updatedAt: Date) => ({
  last4: apiKey.slice(-4),
  verified: false,
  verificationStatus: 'unverified',
  verifiedAt: null,
  updatedAt,
});
