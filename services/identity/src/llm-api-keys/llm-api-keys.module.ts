import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { LlmApiKeysController } from './llm-api-keys.controller.js';
import { LlmApiKeysService } from './llm-api-keys.service.js';

@Module({ imports: [AuthModule], controllers: [LlmApiKeysController], providers: [LlmApiKeysService] })
export class LlmApiKeysModule {}
