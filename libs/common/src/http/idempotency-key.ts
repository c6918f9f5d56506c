import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { type AnswerHeaders, headersOf } from './answer-headers.js';
import type { Conventions } from './conventions.js';
import { invalid, Problem } from './problem.js';

/** An answer as it is kept for the next time that its request is sent. */
export interface KeptAnswer extends AnswerHeaders {
  readonly status: number;
  readonly body: string;
}

/** What tells a request with a key from the others of its user. */
export interface RequestKey {
  /** SHA-256 of method, path and key. */
  readonly scope: Buffer;
  /** SHA-256 of the body as a JSON value, whose keys are in the order in which they were sent. */
  readonly fingerprint: Buffer;
}

/** An answer that was kept, and the body to which it was one. */
export type AnswerBefore = Pick<RequestKey, 'fingerprint'> & { readonly answer: KeptAnswer };

/** Characters of a key at most. */
const keyLimit = 255;
/** A key as it is, in visible characters; or as a string of structured fields (RFC 9651 §3.3.3), as the draft has it. */
const bare = /^[\x21\x23-\x7e][\x21-\x7e]*$/;
const quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"$/;

function keyIn(field: string): string {
  const key = bare.test(field) ? field : quoted.exec(field)?.[1]?.replace(/\\(.)/g, '$1');
  if (key !== undefined && key.length <= keyLimit) return key;
  throw invalid('Idempotency-Key', `Idempotency-Key must have 1 to ${keyLimit} visible ASCII characters.`);
}

const digest = (...parts: readonly string[]): Buffer => createHash('sha256').update(parts.join('\n')).digest();

/** A request that is to take effect once, however often it is sent (draft-ietf-httpapi-idempotency-key-header-07). */
export class IdempotentRequest implements RequestKey {
  readonly scope: Buffer;
  readonly fingerprint: Buffer;
  private readonly params: Readonly<Record<string, string>>;
  private kept: KeptAnswer | undefined;
  private replays = false;

  private constructor(
    request: FastifyRequest,
    private readonly conventions: Conventions,
    key: string,
  ) {
    this.scope = digest(request.method, request.url.split('?', 1)[0]!, key);
    this.fingerprint = digest(JSON.stringify(request.body ?? null));
    this.params = request.params as Record<string, string>;
  }

  /** Undefined for a request without a key; raises 400 for a key that is none, or is not taken on the route. */
  static of(request: FastifyRequest, conventions: Conventions): IdempotentRequest | undefined {
    const field = request.headers['idempotency-key'];
    if (field === undefined || request.method !== 'POST') return undefined;
    const key = keyIn(String(field));
    if (conventions.idempotencyKey) return new IdempotentRequest(request, conventions, key);
    throw new Problem(400, 'idempotency_key_not_supported', 'This request takes no Idempotency-Key.');
  }

  /** What will be answered with this result of the work. */
  answerTo(result: unknown): KeptAnswer {
    const body = typeof result === 'string' ? result : JSON.stringify(result);
    return { status: this.conventions.status, body, ...headersOf(this.conventions, this.params, body) };
  }

  /** Notes the answer that the database holds by now. */
  keep(answer: KeptAnswer): void {
    this.kept = answer;
  }

  /** Ends the request with the answer that was kept before; raises 422 when that was one to another body. */
  replay({ answer, fingerprint }: AnswerBefore): never {
    if (this.kept) throw new Error('a request with an Idempotency-Key takes one transaction');
    if (!this.fingerprint.equals(fingerprint))
      throw new Problem(422, 'idempotency_key_reused', 'This Idempotency-Key was sent with another body before.');
    this.replays = true;
    this.keep(answer);
    throw new Replayed(answer);
  }

  /** Whether the answer is that to an earlier request. */
  get isReplay(): boolean {
    return this.replays;
  }

  /** The answer, which was kept in the transaction of the effect. */
  get answer(): KeptAnswer {
    if (!this.kept) throw new Error('a request with an Idempotency-Key was answered without keeping the answer');
    return this.kept;
  }
}

/** Ends a request whose effect an earlier one has had; the filter sends that one's answer. */
export class Replayed extends Error {
  constructor(readonly answer: KeptAnswer) {
    super('answered before');
  }
}
