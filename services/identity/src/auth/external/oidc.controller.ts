import { Controller, Delete, Get, HttpCode, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public, type RequestContext, SignedIn } from '#common/auth/index';
import { Context, RequestTrace } from '#common/http/index';
import type { Trace } from '#common/observability/index';
import { readBody } from '../dto/read-body.js';
import { AuthorizeQuery } from './dto.js';
import { IdentitiesService } from './identities.service.js';
import { type Departure, OidcService } from './oidc.service.js';
import { Limited } from '../../limits/limited.js';

/** Supabase Auth's routes for sign-in at a provider, and for the identities of the signed-in user. */
@Controller('auth/v1')
export class OidcController {
  constructor(
    private readonly oidc: OidcService,
    private readonly identities: IdentitiesService,
  ) {}

  @Get('authorize')
  @Public()
  @Limited('sign_in')
  async authorize(@RequestTrace() trace: Trace, @Query() query: Record<string, unknown>, @Res() reply: FastifyReply) {
    const { state } = query;
    const isResumed = typeof state === 'string' && query['provider'] === undefined;
    const resumed = isResumed ? this.oidc.resume(trace, state) : undefined;
    redirect(reply, await (resumed ?? this.oidc.authorize(trace, readBody(AuthorizeQuery, query))));
  }

  @Get('callback')
  @Public()
  @Limited('sign_in')
  async callback(@RequestTrace() trace: Trace, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const query = request.url.split('?').slice(1).join('?');
    redirect(reply, await this.oidc.callback(trace, query, request.headers.cookie));
  }

  @Get('user/identities/authorize')
  @SignedIn()
  link(@Context() context: RequestContext, @Query() query: Record<string, unknown>) {
    return this.oidc.beginLink(context, readBody(AuthorizeQuery, query));
  }

  @Delete('user/identities/:identityId')
  @SignedIn()
  @HttpCode(200)
  async unlink(@Context() context: RequestContext, @Param('identityId') identityId: string) {
    await this.identities.unlink(context, identityId);
    return {};
  }
}

function redirect(reply: FastifyReply, { location, cookie }: Departure): void {
  if (cookie !== undefined) reply.header('set-cookie', cookie);
  reply.header('cache-control', 'no-store').header('referrer-policy', 'no-referrer').redirect(location, 302);
}
