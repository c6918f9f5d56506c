import { Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { SecretBox } from '#common/crypto/index';
import { OneTimeModule } from '../one-time/one-time.module.js';
import { Sessions } from '../sessions/sessions.js';
import { AccessTokens } from './access-tokens.js';
import { AccountController } from './account.controller.js';
import { AccountService } from './account.service.js';
import { useAuthForm } from './auth-form.js';
import { AuthController } from './auth.controller.js';
import { FlowStates } from './flow-states.js';
import { JwksController } from './jwks.controller.js';
import { Passwords } from './passwords.js';
import { PendingSignUps } from './pending-sign-ups.js';
import { secretBoxProvider } from './secret-box.provider.js';
import { SignInService } from './sign-in.service.js';
import { SigningKeys } from './signing-keys.js';

@Module({
  imports: [OneTimeModule],
  controllers: [AuthController, AccountController, JwksController],
  providers: [
    secretBoxProvider,
    AccessTokens,
    AccountService,
    FlowStates,
    Passwords,
    PendingSignUps,
    Sessions,
    SignInService,
    SigningKeys,
  ],
  exports: [AccessTokens, FlowStates, Passwords, SecretBox, Sessions, SigningKeys],
})
export class AuthModule {
  constructor(host: HttpAdapterHost) {
    useAuthForm(host.httpAdapter.getInstance<FastifyInstance>());
  }
}
