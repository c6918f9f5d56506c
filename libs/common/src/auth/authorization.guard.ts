import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { conventionsOf } from '../http/conventions.js';
import { IdempotentRequest } from '../http/idempotency-key.js';
import { Preconditions } from '../http/preconditions.js';
import { Problem } from '../http/problem.js';
import { assertWithin, tellQuota } from '../limits/quota.js';
import type { RequestLimit } from '../limits/request-limit.js';
import { type Policy, policyKey } from './policy.js';
import type { TokenVerifier } from './token-verifier.js';

const bearer = /^Bearer ([A-Za-z0-9_.~+/=-]+)$/i;

/** Of several, Node shows the first and somebody else may have read the last. */
function countAuthorizations(raw: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < raw.length; index += 2) {
    if (raw[index]!.length === 13 && raw[index]!.toLowerCase() === 'authorization') count += 1;
  }
  return count;
}

/**
 * The first half of the first wall: who asks. What the caller may do is decided by the unit of work, inside the
 * transaction that does it.
 */
export class AuthorizationGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly verifier: TokenVerifier,
    /** How often each caller may ask; absent for no limit. */
    private readonly limit?: RequestLimit,
  ) {}

  async canActivate(execution: ExecutionContext): Promise<boolean> {
    if (execution.getType() !== 'http') return true;
    const policy = this.reflector.get<Policy | undefined>(policyKey, execution.getHandler());
    if (!policy) throw new Error('a route without a policy');
    if (policy.kind === 'public') return true;
    const request = execution.switchToHttp().getRequest<FastifyRequest>();
    const token = bearer.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined || countAuthorizations(request.raw.rawHeaders) > 1)
      throw new Problem(401, 'unauthorized', 'One bearer access token is required.');
    const identity = await this.verifier.verify(token);
    const conventions = conventionsOf(execution.getClass(), execution.getHandler());
    const preconditions = conventions.preconditions ? Preconditions.of(request.headers) : undefined;
    const once = IdempotentRequest.of(request, conventions);
    request.conventions = conventions;
    request.context = {
      ...identity,
      policy,
      trace: request.trace,
      ...(preconditions && { preconditions }),
      ...(once && { once }),
    };
    this.count(identity.userId, execution);
    return true;
  }

  private count(userId: string, execution: ExecutionContext): void {
    const quota = this.limit?.take(userId);
    if (!quota) return;
    tellQuota(execution.switchToHttp().getResponse<FastifyReply>(), quota);
    assertWithin(quota);
  }
}
