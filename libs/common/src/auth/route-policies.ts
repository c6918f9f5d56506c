import { type INestApplicationContext, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { type Conventions, conventionsOf } from '../http/conventions.js';
import { limitsOf } from '../limits/route-limits.js';
import { type Policy, policyKey } from './policy.js';

export interface Route {
  readonly method: string;
  /** With its parameters, such as `/v1/customers/:id`. */
  readonly path: string;
  /** Controller and method. */
  readonly handler: string;
  readonly policy: Policy | undefined;
  /** What it promises of ETag, If-Match, Idempotency-Key and Location. */
  readonly conventions: Conventions;
  /** Prototype of the controller, and the name of its method: where decorators keep what they say. */
  readonly declared: { readonly controller: object; readonly key: string };
  /** Names of the limits that count requests to it. */
  readonly limits: readonly string[];
}

const pathsOf = (target: object): string[] => [Reflect.getMetadata(PATH_METADATA, target) as string | string[]].flat();

const joined = (prefix: string, path: string): string => `/${`${prefix}/${path}`.split('/').filter(Boolean).join('/')}`;

/** Every route that the application's controllers declare, whether it is started or not. */
export function routesOf(app: Pick<INestApplicationContext, 'get'>): Route[] {
  const scanner = new MetadataScanner();
  return new DiscoveryService(app.get(ModulesContainer)).getControllers().flatMap(({ metatype, name }) => {
    const prototype = metatype!.prototype as Record<string, { readonly name: string }>;
    return scanner.getAllMethodNames(prototype).flatMap((key) => {
      const handler = prototype[key]!;
      const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
      if (method === undefined) return [];
      const policy = Reflect.getMetadata(policyKey, handler) as Policy | undefined;
      const limits = limitsOf(handler, policy?.kind === 'public');
      return pathsOf(metatype!).flatMap((prefix) =>
        pathsOf(handler).map((path) => ({
          method: RequestMethod[method],
          path: joined(prefix, path),
          handler: `${name}.${key}`,
          policy,
          conventions: conventionsOf(metatype!, handler),
          declared: { controller: prototype, key },
          limits,
        })),
      );
    });
  });
}

/** Throws, naming them, when any route declares no policy. */
export function requirePolicies(app: INestApplicationContext): void {
  const missing = routesOf(app).filter(({ policy }) => !policy);
  if (missing.length > 0)
    throw new Error(
      `Routes without a policy: ${missing.map(({ handler }) => handler).join(', ')}; @Public, @SignedIn or @Allow says who may use one`,
    );
}
