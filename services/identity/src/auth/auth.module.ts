import { Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { SecretBox } from '#common/crypto/index';
import { RefusedSignIns } from '../audit/refused-sign-ins.js';
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

@Module({
  controllers: [AuthController, AccountController, JwksController],
  providers: [
    {
      provide: SecretBox,
      inject: [IdentityConfig],
      useFactory: (config: IdentityConfig) => new SecretBox(config.SECRETS_KEY),
    },
    AccessTokens,
    AccountService,
    Passwords,
    RefusedSignIns,
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
