import { Injectable, type OnModuleInit } from '@nestjs/common';
import {
  type LlmKeyAnswer,
  llmKeyRefusedSubject,
  type LlmKeyRefusedAnswer,
  llmKeySubject,
} from '#common/contracts/index';
import { Broker } from '#common/events/index';
import { unavailable } from '#common/http/index';
import { IdentityConfig } from '../identity.config.js';
import { llmProviderOf, providerNames } from '../llm-api-keys/llm-providers.js';
import { StoredKeys } from '../llm-api-keys/stored-keys.js';
import { fieldOf, uuidOf } from './question-fields.js';

const isProvider = (value: unknown): value is string => providerNames.includes(value as string);
const isVersion = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0;
const isTime = (value: unknown): value is string => typeof value === 'string' && !Number.isNaN(Date.parse(value));

/** Hands decrypted keys to the service that may ask for them, and hears from it which ones are refused. */
@Injectable()
export class LlmKeyAnswers implements OnModuleInit {
  constructor(
    private readonly broker: Broker,
    private readonly stored: StoredKeys,
    private readonly config: IdentityConfig,
  ) {}

  onModuleInit(): void {
    this.broker.answer(llmKeySubject, (question) => this.find(question));
    this.broker.answer(llmKeyRefusedSubject, (report) => this.markRefused(report));
  }

  private async find(question: unknown): Promise<LlmKeyAnswer> {
    const { keyId, provider } = (question ?? {}) as Readonly<Record<string, unknown>>;
    const found = await this.stored.find({
      userId: uuidOf(question, 'userId'),
      ...(keyId !== undefined && { id: uuidOf(question, 'keyId') }),
      ...(provider !== undefined && { provider: fieldOf(question, 'provider', isProvider) }),
    });
    if (!found) return { key: null };
    if (!found.open) throw unavailable('The stored key');
    const { open, id, keyVersion } = found;
    const known = llmProviderOf(open.provider, open.baseUrl, this.config);
    if (!known) return { key: null };
    return {
      key: { keyId: id, keyVersion, provider: open.provider, baseUrl: known.baseUrl, apiKey: open.apiKey },
    };
  }

  private async markRefused(report: unknown): Promise<LlmKeyRefusedAnswer> {
    const refusedAt = new Date(fieldOf(report, 'refusedAt', isTime));
    const keyVersion = fieldOf(report, 'keyVersion', isVersion);
    return { marked: await this.stored.markRefused(uuidOf(report, 'keyId'), keyVersion, refusedAt) };
  }
}
