import { Body, Controller, Get, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '#common/auth/index';
import { Problem, RequestTrace } from '#common/http/index';
import type { Trace } from '#common/observability/index';
import { authValidationFailed } from '../auth/auth-form.js';
import type { CodeChallengeFields } from '../auth/dto/bodies.js';
import { readBody } from '../auth/dto/read-body.js';
import { codeChallengeOf } from '../auth/flow-states.js';
import type { Continuation } from '../one-time/email-changes.js';
import { Redirects } from '../one-time/redirects.js';
import { OtpBody, RecoverBody, ResendBody, VerifyBody } from './dto/bodies.js';
import { EmailAuthService } from './email-auth.service.js';
import { answerUrl } from './link-answers.js';
import { type LinkOutcome, VerificationService } from './verification.service.js';
import { Limited } from '../limits/limited.js';

/** Supabase Auth's routes for those who sign in by mail. */
@Controller('auth/v1')
export class EmailAuthController {
  constructor(
    private readonly emailAuth: EmailAuthService,
    private readonly verification: VerificationService,
    private readonly redirects: Redirects,
  ) {}

  @Post('recover')
  @Public()
  @Limited('mail')
  @HttpCode(200)
  recover(@RequestTrace() trace: Trace, @Query('redirect_to') redirectTo: unknown, @Body() given: unknown) {
    const body = readBody(RecoverBody, given);
    return this.emailAuth.recover(trace, body.email, this.continuationOf(body, redirectTo));
  }

  @Post('otp')
  @Public()
  @Limited('mail')
  @HttpCode(200)
  otp(@RequestTrace() trace: Trace, @Query('redirect_to') redirectTo: unknown, @Body() given: unknown) {
    const body = readBody(OtpBody, given);
    const { email, create_user: creates = true, data: userMetadata } = body;
    const register = creates ? { ...(userMetadata && { userMetadata }) } : undefined;
    return this.emailAuth.signIn(trace, email, this.continuationOf(body, redirectTo), register);
  }

  @Post('magiclink')
  @Public()
  @Limited('mail')
  @HttpCode(200)
  magicLink(@RequestTrace() trace: Trace, @Query('redirect_to') redirectTo: unknown, @Body() given: unknown) {
    return this.otp(trace, redirectTo, given);
  }

  @Post('resend')
  @Public()
  @Limited('mail')
  @HttpCode(200)
  resend(@RequestTrace() trace: Trace, @Query('redirect_to') redirectTo: unknown, @Body() given: unknown) {
    const body = readBody(ResendBody, given);
    const continuation = this.continuationOf(body, redirectTo);
    return body.type === 'signup'
      ? this.emailAuth.resendSignUp(trace, body.email, continuation)
      : this.emailAuth.resendEmailChange(trace, body.email, continuation);
  }

  @Post('verify')
  @Public()
  @Limited('verify')
  @HttpCode(200)
  verify(@RequestTrace() trace: Trace, @Body() body: unknown) {
    return this.verification.verify(trace, readBody(VerifyBody, body));
  }

  /** Where the links of mails lead. */
  @Get('verify')
  @Public()
  @Limited('verify')
  @HttpCode(303)
  async followLink(
    @RequestTrace() trace: Trace,
    @Req() request: FastifyRequest,
    @Query() query: Readonly<Record<string, unknown>>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const { type, token_hash: hash } = readBody(VerifyBody, { type: query['type'], token_hash: query['token'] });
    if (hash === undefined) throw authValidationFailed('Verify requires a token');
    reply.header('cache-control', 'no-store').header('referrer-policy', 'no-referrer');
    const redirectTo = this.redirects.resolve(query['redirect_to']);
    if (request.method === 'HEAD') return void reply.header('location', redirectTo);
    const outcome = await this.verification.followLink(trace, type, hash).catch(refusal);
    reply.header('location', answerUrl(redirectTo, type, hash, outcome));
  }

  private continuationOf(body: CodeChallengeFields, redirectTo: unknown): Continuation {
    return { codeChallenge: codeChallengeOf(body), redirectTo: this.redirects.resolve(redirectTo) };
  }
}

/** A refusal is told to the application; a fault of ours is not. */
function refusal(error: unknown): Problem | LinkOutcome {
  if (error instanceof Problem && error.status < 500) return error;
  throw error;
}
