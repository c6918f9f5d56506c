import type { ResolveHook } from 'node:module';

const url = new URL('globals.js', import.meta.url).href;

/** `@jest/globals` exists inside Jest's own runtime only. */
export const resolve: ResolveHook = (specifier, context, next) =>
  specifier === '@jest/globals' ? { url, shortCircuit: true } : next(specifier, context);
