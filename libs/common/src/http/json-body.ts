import type { FastifyInstance } from 'fastify';
import { invalid } from './problem.js';

/** Bytes of a request body at most. */
export const bodyLimit = 1024 * 1024;
/** Levels of nesting in a JSON body at most. */
const depthLimit = 16;
/** A body without these can hold neither NUL nor half a surrogate pair. */
const suspicious = /\\u(0000|d[89a-f])/i;
/** Keys that reach for the prototype; Nest would delete the latter two without a word, also from JSON that is data. */
const reserved = new Set(['__proto__', 'constructor', 'prototype']);

function checkTree(value: unknown, depth: number, pointer: string, strings: boolean): void {
  if (typeof value === 'string') {
    if (strings && (value.includes('\0') || !value.isWellFormed())) {
      throw invalid(pointer, 'A text may not hold NUL or half of a surrogate pair.');
    }
    return;
  }
  if (value === null || typeof value !== 'object') return;
  if (depth >= depthLimit) throw invalid(pointer, `JSON may be nested ${depthLimit} levels deep at most.`);
  for (const [key, child] of Object.entries(value)) {
    if (reserved.has(key)) throw invalid(pointer, `property ${key} should not exist`);
    if (strings) checkTree(key, depth, pointer, true);
    checkTree(child, depth + 1, `${pointer}/${key}`, strings);
  }
}

/** Bounds the depth of JSON bodies and refuses texts that PostgreSQL cannot store. */
function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('', 'The body is not valid JSON.');
  }
  checkTree(value, 0, '', suspicious.test(text));
  return value;
}

/** Makes Fastify parse JSON with the bounds above, and nothing else (415); an empty body is none. */
export function useBoundedJson(fastify: FastifyInstance): void {
  fastify.removeContentTypeParser(['application/json', 'text/plain']);
  fastify.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit }, (_request, body, done) => {
    try {
      done(null, body.length === 0 ? undefined : parseJson(body as string));
    } catch (error) {
      done(error as Error);
    }
  });
}
