import { SetMetadata } from '@nestjs/common';

const limitsKey = 'clarity:limits';

/** Names the limits that count requests to a route beside the one of each caller. */
export const CountedBy = (...policies: readonly string[]): MethodDecorator => SetMetadata(limitsKey, policies);

/** Names of the limits of a route's handler, as RateLimit-Policy tells them; the gateway adds `address` to all. */
export function limitsOf(handler: object, isPublic: boolean): string[] {
  const counted = (Reflect.getMetadata(limitsKey, handler) as readonly string[] | undefined) ?? [];
  return [...(isPublic ? [] : ['caller']), ...counted];
}
