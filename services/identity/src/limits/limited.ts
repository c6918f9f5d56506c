import { applyDecorators, type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { assertWithin, CountedBy, tellQuota } from '#common/limits/index';
import { normalizeEmail } from '../users/email-address.js';
import { type LimitName, RateLimits } from './rate-limits.js';

type Choice = LimitName | ((request: FastifyRequest) => LimitName);

const limitKey = 'clarity:limit';

/**
 * Limits how often a route may be asked, per client and per account: the signed-in user's, or that of the field `email` in body or
 * query. Answers carry RateLimit-Policy and RateLimit; one request too many is a 429 `over_request_rate_limit`.
 *
 * @param choices what a function chooses from
 */
export const Limited = (limit: Choice, choices: readonly LimitName[] = []): MethodDecorator => {
  const names = typeof limit === 'string' ? [limit] : choices;
  const policies = names.flatMap((name) => [`${name}_per_client`, `${name}_per_account`]);
  return applyDecorators(SetMetadata(limitKey, limit), CountedBy(...policies));
};

/** Counts the requests to routes with `@Limited`. */
@Injectable()
export class LimitsGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly limits: RateLimits,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    const limit = this.reflector.get<Choice | undefined>(limitKey, execution.getHandler());
    if (limit === undefined) return true;
    const request = execution.switchToHttp().getRequest<FastifyRequest>();
    const reply = execution.switchToHttp().getResponse<FastifyReply>();
    const name = typeof limit === 'string' ? limit : limit(request);
    const { clientAddress } = request;
    const quotas = await this.limits.take(name, { clientAddress, account: accountOf(request) });
    for (const quota of quotas) tellQuota(reply, quota);
    assertWithin(...quotas);
    return true;
  }
}

function accountOf({ context, body, query }: FastifyRequest): string | undefined {
  if (context) return context.userId;
  const email = emailIn(body) ?? emailIn(query);
  return email === undefined ? undefined : normalizeEmail(email);
}

function emailIn(source: unknown): string | undefined {
  const { email } = (source ?? {}) as { readonly email?: unknown };
  return typeof email === 'string' ? email : undefined;
}
