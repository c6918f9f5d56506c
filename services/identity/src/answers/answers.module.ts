import { Module } from '@nestjs/common';
import { LlmApiKeysModule } from '../llm-api-keys/llm-api-keys.module.js';
import { LlmKeyAnswers } from './llm-key-answers.js';
import { OwnerAnswers } from './owner-answers.js';

@Module({ imports: [LlmApiKeysModule], providers: [LlmKeyAnswers, OwnerAnswers] })
export class AnswersModule {}
