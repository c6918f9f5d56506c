import { Module } from '@nestjs/common';
import { Outbound } from '#common/outbound/index';
import { AuthModule } from '../auth/auth.module.js';
import { IdentityConfig } from '../identity.config.js';
import { KeyCheck } from './key-check.js';
import { LlmApiKeysController } from './llm-api-keys.controller.js';
import { LlmApiKeysService } from './llm-api-keys.service.js';
import { StoredKeys } from './stored-keys.js';
import { VerificationService } from './verification.service.js';

@Module({
  imports: [AuthModule],
  controllers: [LlmApiKeysController],
  providers: [
    {
      provide: Outbound,
      inject: [IdentityConfig],
      useFactory: (config: IdentityConfig) => new Outbound({ allowedNetworks: config.OUTBOUND_ALLOWED_NETWORKS }),
    },
    KeyCheck,
    LlmApiKeysService,
    StoredKeys,
    VerificationService,
  ],
  exports: [StoredKeys],
})
export class LlmApiKeysModule {}
