import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '#common/http/index';
import { normalizeEmail } from '../users/email-address.js';
import { type LimitName, type Quota, RateLimits } from './rate-limits.js';

type Choice = LimitName | ((request: FastifyRequest) => LimitName);

const limitKey = 'clarity:limit';

/**
 * Limits how often a route may be asked, per client and per account: the signed-in user's, or that of the field `email` in body or
 * query. Answers carry RateLimit-Policy and RateLimit; one request too many is a 429 `over_request_rate_limit`.
 */
export const Limited = (limit: Choice): MethodDecorator => SetMetadata(limitKey, limit);

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
    tell(reply, await this.limits.take(name, { clientAddress, account: accountOf(request) }));
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

/** Headers of draft-ietf-httpapi-ratelimit-headers. */
function tell(reply: FastifyReply, quotas: readonly Quota[]): void {
  if (quotas.length === 0) return;
  const windows = quotas.map(({ policy, quota, window, left, resetsIn }) => ({
    policy: `"${policy}";q=${quota};w=${window}`,
    state: `"${policy}";r=${Math.max(left, 0)};t=${resetsIn}`,
  }));
  reply.header('ratelimit-policy', windows.map(({ policy }) => policy).join(', '));
  reply.header('ratelimit', windows.map(({ state }) => state).join(', '));
  const exceeded = quotas.filter(({ left }) => left < 0).map(({ resetsIn }) => resetsIn);
  if (exceeded.length > 0) {
    const retryAfter = Math.max(1, ...exceeded);
    throw new Problem(429, 'over_request_rate_limit', 'Request rate limit reached', { retryAfter });
  }
}
