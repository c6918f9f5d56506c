import { Injectable } from '@nestjs/common';
import { SecretBox, sealedContext } from '#common/crypto/index';
import { SystemUnitOfWork } from '#common/database/index';
import { continueTrace, createLogger } from '#common/observability/index';
import { IdentityConfig } from '../identity.config.js';
import { refused } from './check-outcome.js';
import type { OpenKey } from './key-check.js';
import { type KnownKey, knownColumns, recordOutcome } from './known-key.js';

/** A key that was found; without `open` the stored one cannot be opened. */
export interface FoundKey {
  readonly id: string;
  readonly keyVersion: number;
  readonly open: OpenKey | undefined;
}

/** Which key of a user; of several, the verified and then the newest. */
export interface KeyWanted {
  readonly userId: string;
  readonly id?: string;
  readonly provider?: string;
}

interface SealedRow {
  readonly id: string;
  readonly user_id: string;
  readonly provider: string;
  readonly base_url: string | null;
  readonly api_key: string;
  readonly key_version: number;
}

type Bound = Pick<KnownKey, 'id' | 'userId' | 'provider' | 'baseUrl'>;

/** What a sealed key is bound to: moved to another row, user, provider or URL, it does not open. */
export const keyContext = ({ id, userId, provider, baseUrl }: Bound): string =>
  sealedContext('llm_api_keys', id, userId, provider, baseUrl);

/** The one reader of stored keys: requests write them and never read them back. */
@Injectable()
export class StoredKeys {
  private readonly logger;

  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly box: SecretBox,
    { LOG_LEVEL }: IdentityConfig,
  ) {
    this.logger = createLogger('identity', LOG_LEVEL);
  }

  async find({ userId, id, provider }: KeyWanted): Promise<FoundKey | undefined> {
    const [row] = await this.system.read<SealedRow>({
      text: `SELECT id, user_id, provider, base_url, api_key, key_version FROM llm_api_keys
        WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2) AND ($3::text IS NULL OR provider = $3)
        ORDER BY verified DESC NULLS LAST, created_at DESC NULLS LAST, id DESC LIMIT 1`,
      values: [userId, id ?? null, provider ?? null],
    });
    return row && { id: row.id, keyVersion: row.key_version, open: this.open(row) };
  }

  /** Marks a key that its provider has refused, unless it was replaced or accepted since; true when it is the one. */
  markRefused(id: string, keyVersion: number, refusedAt: Date): Promise<boolean> {
    return this.system.run({ trace: continueTrace(undefined) }, async (tx) => {
      const [key] = await tx.query<KnownKey & { [column: string]: unknown }>(
        `SELECT ${knownColumns} FROM llm_api_keys AS k WHERE k.id = $1 AND k.key_version = $2
           AND (k.verified_at IS NULL OR k.verified_at < $3) FOR UPDATE`,
        [id, keyVersion, refusedAt],
      );
      if (!key) return false;
      recordOutcome(tx, key, refused);
      return true;
    });
  }

  private open(row: SealedRow): OpenKey | undefined {
    const { id, user_id: userId, provider, base_url: baseUrl } = row;
    try {
      // Before base URLs, keys were bound to row and provider alone.
      const former = sealedContext('llm_api_keys', id, provider);
      return {
        provider,
        baseUrl,
        apiKey: this.box.open(row.api_key, keyContext({ id, userId, provider, baseUrl }), former),
      };
    } catch (error) {
      this.logger.error({ err: error, keyId: id }, 'a stored key cannot be opened');
      return undefined;
    }
  }
}
