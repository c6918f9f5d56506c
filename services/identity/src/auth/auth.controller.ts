import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { Public } from '#common/auth/index';
import { RequestTrace } from '#common/http/index';
import type { Trace } from '#common/observability/index';
import { IdentityConfig } from '../identity.config.js';
import { Limited } from '../limits/limited.js';
import { unsupportedGrantType } from './auth-form.js';
import { PkceBody, RefreshBody, SignInBody, SignUpBody } from './dto/bodies.js';
import { readBody } from './dto/read-body.js';
import { IdTokenBody } from './external/dto.js';
import { ExternalIssuers } from './external/external-issuers.js';
import { ExternalSignIn } from './external/external-sign-in.js';
import { SignInService } from './sign-in.service.js';

const isRefresh = (query: unknown): boolean => (query as { grant_type?: unknown }).grant_type === 'refresh_token';

/** Supabase Auth's routes for those who are not signed in yet. */
@Controller('auth/v1')
export class AuthController {
  constructor(
    private readonly signIn: SignInService,
    private readonly external: ExternalSignIn,
    private readonly issuers: ExternalIssuers,
    private readonly config: IdentityConfig,
  ) {}

  @Post('signup')
  @Public()
  @Limited('sign_up')
  @HttpCode(200)
  signUp(@RequestTrace() trace: Trace, @Body() body: unknown, @Query('redirect_to') redirectTo: unknown) {
    return this.signIn.signUp(trace, readBody(SignUpBody, body), redirectTo);
  }

  @Post('token')
  @Public()
  @Limited(({ query }) => (isRefresh(query) ? 'refresh' : 'sign_in'), ['refresh', 'sign_in'])
  @HttpCode(200)
  token(@RequestTrace() trace: Trace, @Query('grant_type') grantType: unknown, @Body() body: unknown) {
    if (grantType === 'password') return this.signIn.signIn(trace, readBody(SignInBody, body));
    if (grantType === 'refresh_token') {
      return this.signIn.refresh(trace, readBody(RefreshBody, body).refresh_token);
    }
    if (grantType === 'pkce') return this.signIn.exchange(trace, readBody(PkceBody, body));
    if (grantType === 'id_token') return this.external.exchange(trace, readBody(IdTokenBody, body));
    throw unsupportedGrantType();
  }

  @Get('settings')
  @Public()
  settings() {
    const autoconfirm = this.config.AUTH_AUTOCONFIRM;
    return {
      external: {
        ...Object.fromEntries(this.issuers.providers.map((provider) => [provider, true])),
        email: true,
        phone: false,
        anonymous_users: false,
      },
      disable_signup: false,
      mailer_autoconfirm: autoconfirm,
      phone_autoconfirm: false,
      sms_provider: '',
      saml_enabled: false,
    };
  }

  @Get('health')
  @Public()
  health() {
    return { name: 'Clarity', version: '1', description: 'Clarity speaks the API of Supabase Auth' };
  }
}
