import { LlmApiKeyRejected, type LlmApiKeyState, LlmApiKeyVerified } from '#common/contracts/index';
import { compactObject, type Emission, type RequestTx, timesOf, type Tx } from '#common/database/index';
import { notFound } from '#common/http/index';
import { type CheckOutcome, checkReasons } from './check-outcome.js';
import { LlmApiKey } from './llm-api-key.entity.js';

/** A key without the secret: the requests' role cannot read it back. */
export type KnownKey = Omit<LlmApiKey, 'apiKey' | 'user'>;

/** Columns of a `KnownKey`, of a table named `k`. */
export const knownColumns = `k.id, k.user_id AS "userId", k.provider, k.base_url AS "baseUrl", k.created_at AS "createdAt",
  k.updated_at AS "updatedAt", k.verified, k.verification_status AS "verificationStatus",
  k.verification_reason AS "verificationReason", k.checked_at AS "checkedAt", k.verified_at AS "verifiedAt", k.last4,
  k.key_version AS "keyVersion", k.version`;

const details = Object.entries(checkReasons)
  .map(([reason, detail]) => `WHEN '${reason}' THEN '${detail}'`)
  .join(' ');

/** What `answerOf` answers, as SQL. */
export const keyJson = compactObject({
  id: 'k.id',
  provider: 'k.provider',
  baseUrl: 'k.base_url',
  last4: 'k.last4',
  verified: 'coalesce(k.verified, false)',
  verificationStatus: 'k.verification_status',
  verificationReason: 'k.verification_reason',
  verificationDetail: `CASE k.verification_reason ${details} END`,
  checkedAt: 'app.iso(k.checked_at)',
  verifiedAt: 'app.iso(k.verified_at)',
  ...timesOf('k'),
});

export const answerOf = (key: KnownKey) => ({
  id: key.id,
  provider: key.provider,
  baseUrl: key.baseUrl,
  last4: key.last4,
  verified: key.verified ?? false,
  verificationStatus: key.verificationStatus,
  verificationReason: key.verificationReason,
  verificationDetail: key.verificationReason && checkReasons[key.verificationReason],
  checkedAt: key.checkedAt?.toISOString() ?? null,
  verifiedAt: key.verifiedAt?.toISOString() ?? null,
  createdAt: key.createdAt?.toISOString() ?? null,
  updatedAt: key.updatedAt?.toISOString() ?? null,
});

export const emissionOf = ({ id, userId, provider, version }: KnownKey): Emission<LlmApiKeyState> => ({
  aggregateId: id,
  version,
  data: { keyId: id, userId, provider },
  audience: { users: [userId] },
});

/** Locks a key of the caller; raises 404 for one that is not there. */
export async function lockKey(tx: RequestTx, id: string): Promise<KnownKey> {
  const [key] = await tx.query<KnownKey & { [column: string]: unknown }>(
    `SELECT ${knownColumns} FROM llm_api_keys AS k WHERE k.id = $1 AND k.user_id = app.usr() FOR UPDATE`,
    [id],
  );
  if (!key) throw notFound('key');
  return key;
}

/**
 * Writes down what came of a check of a key that the transaction has locked. Only an acceptance that is news, and a
 * refusal that is, is an event; that the provider could not be asked takes no verification away.
 */
export function recordOutcome(tx: Tx, key: KnownKey, { status, reason }: CheckOutcome): KnownKey {
  const event = { accepted: LlmApiKeyVerified, refused: LlmApiKeyRejected, unchecked: undefined }[status];
  const isNews = status === 'accepted' ? key.verified !== true : status !== key.verificationStatus;
  const told = event && isNews ? event : undefined;
  const change = {
    ...(status !== 'unchecked' && {
      verified: status === 'accepted',
      verifiedAt: status === 'accepted' ? tx.now : null,
    }),
    verificationStatus: status,
    verificationReason: reason,
    checkedAt: tx.now,
    version: key.version + (told ? 1 : 0),
  };
  const { id, userId, keyVersion } = key;
  tx.update(LlmApiKey, { id, userId, keyVersion }, change);
  const recorded = { ...key, ...change };
  if (told) tx.emit(told, emissionOf(recorded));
  return recorded;
}
