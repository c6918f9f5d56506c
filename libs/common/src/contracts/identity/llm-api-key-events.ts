import { IsString, IsUUID } from 'class-validator';
import { EventContract } from '../contract.js';

const key = {
  keyId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a07',
  userId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a02',
  provider: 'openai',
};

/** What every event about a user's key for a provider of language models carries: never the key, nor a part of it. */
export abstract class LlmApiKeyState {
  @IsUUID('loose') keyId!: string;
  @IsUUID('loose') userId!: string;
  @IsString() provider!: string;
}

@EventContract({
  type: 'llm_api_key.added',
  source: 'identity',
  version: 1,
  description: 'A user stored a key for a provider, or replaced the one stored; it is not verified yet.',
  example: key,
})
export class LlmApiKeyAdded extends LlmApiKeyState {}

@EventContract({
  type: 'llm_api_key.verified',
  source: 'identity',
  version: 1,
  description: 'The provider accepted the key.',
  example: key,
})
export class LlmApiKeyVerified extends LlmApiKeyState {}

@EventContract({
  type: 'llm_api_key.rejected',
  source: 'identity',
  version: 1,
  description: 'The provider refused the key.',
  example: key,
})
export class LlmApiKeyRejected extends LlmApiKeyState {}

@EventContract({
  type: 'llm_api_key.removed',
  source: 'identity',
  version: 1,
  description: 'A user removed a key.',
  example: key,
})
export class LlmApiKeyRemoved extends LlmApiKeyState {}
