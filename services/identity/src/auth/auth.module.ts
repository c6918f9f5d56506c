import { Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { MasterKeyFile, SecretBox } from '#common/crypto/index';
import { createLogger } from '#common/observability/index';
import { RefusedSignIns } from '../audit/refused-sign-ins.js';
import { IdentityConfig } from '../identity.config.js';
import { LimitsModule } from '../limits/limits.module.js';
import { Sessions } from '../sessions/sessions.js';
import { AccessTokens } from './access-tokens.js';
import { AccountController } from './account.controller.js';
import { AccountService } from './account.service.js';
import { useAuthForm } from './auth-form.js';
import { AuthController } from './auth.controller.js';
import { externalProviders } from './external/external.providers.js';
import { OidcController } from './external/oidc.controller.js';
import { LeakedPasswords } from './passwords/leaked-passwords.js';
import { FlowStates } from './flow-states.js';
import { JwksController } from './keys/jwks.controller.js';
import { KeyRotation } from './keys/key-rotation.js';
import { KeysAdmin } from './keys/keys-admin.js';
import { KeysAdminController } from './keys/keys-admin.controller.js';
import { SigningKeys } from './keys/signing-keys.js';
import { Passwords } from './passwords.js';
import { SignInService } from './sign-in.service.js';

function secretBoxOf({ SECRETS_KEY, SECRETS_KEY_FILE, LOG_LEVEL }: IdentityConfig): SecretBox {
  if (SECRETS_KEY !== undefined) return new SecretBox(SECRETS_KEY);
  const logger = createLogger('identity', LOG_LEVEL);
  const onBroken = (err: unknown): void =>
    logger.error({ err }, 'SECRETS_KEY_FILE cannot be read; its last content counts');
  return new SecretBox(new MasterKeyFile(SECRETS_KEY_FILE!, onBroken));
}

@Module({
  imports: [LimitsModule],
  controllers: [AuthController, AccountController, JwksController, KeysAdminController, OidcController],
  providers: [
    {
      provide: SecretBox,
      inject: [IdentityConfig],
      useFactory: secretBoxOf,
    },
    AccessTokens,
    AccountService,
    LeakedPasswords,
    FlowStates,
    KeyRotation,
    KeysAdmin,
    Passwords,
    RefusedSignIns,
    Sessions,
    SignInService,
    SigningKeys,
    ...externalProviders,
  ],
  exports: [AccessTokens, FlowStates, Passwords, SecretBox, Sessions, SigningKeys],
})
export class AuthModule {
  constructor(host: HttpAdapterHost) {
    useAuthForm(host.httpAdapter.getInstance<FastifyInstance>());
  }
}
