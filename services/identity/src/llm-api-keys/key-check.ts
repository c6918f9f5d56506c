import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Outbound, type OutboundAnswer, OutboundRefused } from '#common/outbound/index';
import { IdentityConfig } from '../identity.config.js';
import { accepted, type CheckOutcome, type CheckReason, refused, unchecked } from './check-outcome.js';
import { compatibleProvider, llmProviderOf } from './llm-providers.js';

/** Milliseconds that a check may take. */
const patience = 10_000;
/** Bytes of an answer that are read; more than any refusal has. */
const answerLimit = 64 * 1_024;

/** A key as it is, for as long as it is used. */
export interface OpenKey {
  readonly provider: string;
  readonly baseUrl: string | null;
  readonly apiKey: string;
}

/** Asks providers whether they accept a key. */
@Injectable()
export class KeyCheck {
  constructor(
    private readonly outbound: Outbound,
    private readonly config: IdentityConfig,
  ) {}

  /** Never raises: that a provider cannot be asked is an outcome too. */
  async check({ provider, baseUrl, apiKey }: OpenKey): Promise<CheckOutcome> {
    const known = llmProviderOf(provider, baseUrl, this.config);
    if (!known) return unchecked('provider_unknown');
    const url = new URL(known.baseUrl + known.proof);
    const signal = AbortSignal.timeout(patience);
    const ask = async (key: string): Promise<CheckOutcome> => {
      const headers = { accept: 'application/json', ...known.headers(key) };
      return outcomeOf(await this.outbound.request(url, { headers, signal, limit: answerLimit }));
    };
    try {
      const outcome = await ask(apiKey);
      if (outcome !== accepted || provider !== compatibleProvider) return outcome;
      // Many a server of one's own shows its models to everybody; then its answer proves nothing.
      return (await ask(`sk-${randomBytes(24).toString('hex')}`)) === accepted ? unchecked('endpoint_public') : outcome;
    } catch (error) {
      return unchecked(reasonOf(error, signal));
    }
  }
}

function outcomeOf({ status, headers, body }: OutboundAnswer): CheckOutcome {
  const isJson = /^application\/([\w.-]+\+)?json\b/i.test(String(headers['content-type'] ?? ''));
  if (status >= 200 && status < 300) return isJson ? accepted : unchecked('provider_unexpected');
  if (status === 401) return refused;
  // Google's way to say so.
  if (status === 400 && isJson && body.includes('"API_KEY_INVALID"')) return refused;
  if (status === 403) return unchecked('key_restricted');
  if (status === 429) return unchecked('provider_limits');
  if (status >= 300 && status < 400) return unchecked('provider_redirects');
  return unchecked(status >= 500 ? 'provider_error' : 'provider_unexpected');
}

function reasonOf(error: unknown, signal: AbortSignal): CheckReason {
  if (error instanceof OutboundRefused) return 'address_refused';
  const { code } = error as NodeJS.ErrnoException;
  return signal.aborted || code === 'UND_ERR_CONNECT_TIMEOUT' ? 'provider_timeout' : 'provider_unreachable';
}
