import { Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { RefusedSignIns } from '../audit/refused-sign-ins.js';
import { LimitsModule } from '../limits/limits.module.js';
import { OneTimeModule } from '../one-time/one-time.module.js';
import { SecretBox } from '#common/crypto/index';
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
import { PendingSignUps } from './pending-sign-ups.js';
import { secretBoxProvider } from './secret-box.provider.js';
import { SignInService } from './sign-in.service.js';

@Module({
  imports: [LimitsModule, OneTimeModule],
  controllers: [AuthController, AccountController, JwksController, KeysAdminController, OidcController],
  providers: [
    secretBoxProvider,
    AccessTokens,
    AccountService,
    LeakedPasswords,
    FlowStates,
    KeyRotation,
    KeysAdmin,
    Passwords,
    PendingSignUps,
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
