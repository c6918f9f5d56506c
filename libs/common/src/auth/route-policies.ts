import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import type { INestApplication } from '@nestjs/common';
import { type Policy, policyKey } from './policy.js';

export interface RoutePolicy {
  readonly route: string;
  readonly policy: Policy;
}

/** Every route of the application with its policy. Throws, naming them, when any route has none. */
export function routePolicies(app: INestApplication): RoutePolicy[] {
  const reflector = app.get(Reflector);
  const scanner = new MetadataScanner();
  const found: RoutePolicy[] = [];
  const missing: string[] = [];
  for (const { instance, name } of app.get(DiscoveryService).getControllers()) {
    const prototype = Object.getPrototypeOf(instance) as object;
    for (const method of scanner.getAllMethodNames(prototype)) {
      const handler = (prototype as Record<string, unknown>)[method] as () => unknown;
      if (Reflect.getMetadata(METHOD_METADATA, handler) === undefined) continue;
      const policy = reflector.get<Policy | undefined>(policyKey, handler);
      if (!policy) missing.push(`${name}.${method}`);
      else found.push({ route: `${name}.${method} ${String(Reflect.getMetadata(PATH_METADATA, handler))}`, policy });
    }
  }
  if (missing.length > 0) throw new Error(`Routes without a policy: ${missing.join(', ')}`);
  return found;
}
