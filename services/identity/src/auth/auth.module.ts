import { Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { MasterKeyFile, SecretBox } from '#common/crypto/index';
import { createLogger } from '#common/observability/index';
import { IdentityConfig } from '../identity.config.js';
import { Sessions } from '../sessions/sessions.js';
import { AccessTokens } from './access-tokens.js';
import { AccountController } from './account.controller.js';
import { AccountService } from './account.service.js';
import { useAuthForm } from './auth-form.js';
import { AuthController } from './auth.controller.js';
import { JwksController } from './jwks.controller.js';
import { Passwords } from './passwords.js';
import { SignInService } from './sign-in.service.js';
import { SigningKeys } from './signing-keys.js';

function secretBoxOf({ SECRETS_KEY, SECRETS_KEY_FILE, LOG_LEVEL }: IdentityConfig): SecretBox {
  if (SECRETS_KEY !== undefined) return new SecretBox(SECRETS_KEY);
  const logger = createLogger('identity', LOG_LEVEL);
  const onBroken = (err: unknown): void =>
    logger.error({ err }, 'SECRETS_KEY_FILE cannot be read; its last content counts');
  return new SecretBox(new MasterKeyFile(SECRETS_KEY_FILE!, onBroken));
}

@Module({
  controllers: [AuthController, AccountController, JwksController],
  providers: [
    {
      provide: SecretBox,
      inject: [IdentityConfig],
      useFactory: secretBoxOf,
    },
    AccessTokens,
    AccountService,
    Passwords,
    Sessions,
    SignInService,
    SigningKeys,
  ],
  exports: [AccessTokens, Passwords, SecretBox, Sessions, SigningKeys],
})
export class AuthModule {
  constructor(host: HttpAdapterHost) {
    useAuthForm(host.httpAdapter.getInstance<FastifyInstance>());
  }
}
