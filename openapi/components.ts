import { STATUS_CODES } from 'node:http';
import { anyObject, component, componentName, integer, listOf, object, type Schema, text } from '#common/openapi/index';
import { exampleOf } from './examples.js';
import type { KnownProblem } from './problems.js';
import type { DocumentedRoute } from './routes.js';

const traceId = text('4bf92f3577b34da6a3ce929d0e0e4736', { pattern: '^[0-9a-f]{32}$' });

const problem = component(
  'Problem',
  {
    type: text('about:blank'),
    title: text('Conflict'),
    status: integer(409),
    detail: text('The row was changed by somebody else at the same time.'),
    instance: text('/v1/customers'),
    code: text('conflict', { pattern: '^[a-z_]+$', description: 'Stable: what a client decides by.' }),
    traceId,
    errors: {
      ...listOf(object({ pointer: text('/email'), detail: text('email must be an email') })),
      description: 'Of `validation_failed`: a JSON pointer into the body, `?name` of a query, `{name}` of the path.',
    },
    subscribers: { ...listOf(text('crm')), description: 'Of `ambiguous`: which of them to name.' },
    missing: { ...listOf(text('crm')), description: 'Of `unavailable`: who could not be asked.' },
    known: { ...anyObject(), description: 'Of `unavailable`: what is known without them.' },
  },
  {
    optional: ['instance', 'errors', 'subscribers', 'missing', 'known'],
    description: 'A problem (RFC 9457).',
  },
);

const weakPassword = object({ reasons: listOf(text('length')) });
const authError = component(
  'AuthError',
  {
    code: integer(400),
    error_code: text('validation_failed'),
    msg: text('A JSON object is required'),
    weak_password: weakPassword,
  },
  { optional: ['weak_password'], description: 'A failure in the form of Supabase Auth.' },
);
const newerAuthError = component(
  'AuthErrorOf2024',
  { code: text('validation_failed'), message: text('A JSON object is required'), weak_password: weakPassword },
  { optional: ['weak_password'], description: 'The same to who sends `X-Supabase-Api-Version: 2024-01-01`, or later.' },
);

const headerNames: Readonly<Record<number, string>> = {
  401: 'WWW-Authenticate',
  429: 'Retry-After',
  503: 'Retry-After',
};

const tag = '"BsxwbaAZQmGZLCGyMzqWkA"';

/** Headers of requests that many routes take. */
export const parameters = {
  IfMatch: {
    name: 'if-match',
    in: 'header',
    description: 'ETags: the request takes effect only on a resource that has one of them (412).',
    schema: { type: 'string' },
    example: tag,
  },
  IfNoneMatch: {
    name: 'if-none-match',
    in: 'header',
    description: 'ETags, or `*`: of a GET what is known already (304), else what the resource must not be (412).',
    schema: { type: 'string' },
    example: tag,
  },
  IdempotencyKey: {
    name: 'idempotency-key',
    in: 'header',
    description: 'Sent again within 24 hours, the request is answered as before and has no second effect.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
    example: '8e03978e-40d5-43dd-bc93-6894a57f9324',
  },
} as const;

/** Collects what operations share, each under its name. */
export class Components {
  readonly schemas: Record<string, unknown> = {};
  readonly responses: Record<string, unknown> = {};
  readonly headers = {
    Traceparent: {
      description: 'W3C Trace Context: names the request in logs.',
      required: true,
      schema: text('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'),
    },
    Location: {
      description: 'Path of what was created.',
      required: true,
      schema: text('/v1/customers/0199d2a8-4b1e-7c07-9a53-6f1f0a4c2b11'),
    },
    ETag: {
      description: 'Names what is answered: for If-Match and If-None-Match.',
      required: true,
      schema: text(tag),
    },
    'Cache-Control': { required: true, schema: text('private, no-cache') },
    'Idempotency-Replayed': { description: 'That this was answered before.', schema: text('true') },
    'RateLimit-Policy': {
      description: 'Names of the limits that count the request, with quota and seconds of the window.',
      schema: text('"address";q=6000;w=60, "caller";q=1200;w=60'),
    },
    RateLimit: {
      description: 'What is left of each, and the seconds until it is whole again.',
      schema: text('"address";r=5999;t=1, "caller";r=1199;t=1'),
    },
    'Retry-After': { description: 'Seconds after which to try again.', schema: integer(1, { minimum: 0 }) },
    'WWW-Authenticate': { description: 'That a bearer token is wanted.', schema: text('Bearer') },
  };

  /** The schema with every component in it replaced by a reference. */
  schema(schema: Schema): unknown {
    const name = componentName(schema);
    if (name === undefined) return this.inner(schema);
    if (!(name in this.schemas)) {
      this.schemas[name] = {};
      this.schemas[name] = this.inner(schema);
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  header(name: keyof Components['headers']): { readonly $ref: string } {
    return { $ref: `#/components/headers/${name}` };
  }

  /** What a client may say about the resource that it knows, and about having asked before. */
  conventionParameters({ conventions, method }: DocumentedRoute): object[] {
    const { entityTag, preconditions, idempotencyKey } = conventions;
    const names = [
      ...(preconditions ? ['IfMatch', 'IfNoneMatch'] : []),
      ...(entityTag && method === 'get' ? ['IfNoneMatch'] : []),
      ...(idempotencyKey ? ['IdempotencyKey'] : []),
    ];
    return names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
  }

  conventionHeaders({ conventions, limits }: DocumentedRoute): object {
    const { entityTag, idempotencyKey, location } = conventions;
    return {
      ...(limits.length > 0 && {
        'ratelimit-policy': this.header('RateLimit-Policy'),
        ratelimit: this.header('RateLimit'),
      }),
      ...(location !== undefined && { location: this.header('Location') }),
      ...(entityTag && { etag: this.header('ETag'), 'cache-control': this.header('Cache-Control') }),
      ...(idempotencyKey && { 'idempotency-replayed': this.header('Idempotency-Replayed') }),
    };
  }

  notModified(): { readonly $ref: string } {
    this.responses['NotModified'] = {
      description: 'The resource is what If-None-Match names.',
      headers: {
        traceparent: this.header('Traceparent'),
        etag: this.header('ETag'),
        'cache-control': this.header('Cache-Control'),
      },
    };
    return { $ref: '#/components/responses/NotModified' };
  }

  /** A reference to the answer by which problems of one status are told; those with the same codes share one. */
  problems(status: number | undefined, problems: readonly KnownProblem[], isAuth: boolean): { readonly $ref: string } {
    const codes = problems.map(({ code }) => code).sort();
    const title = status === undefined ? 'Anywhere' : STATUS_CODES[status]!.replaceAll(/\W/g, '');
    const name = [isAuth ? 'Auth' : '', title, ...(status === undefined ? [] : codes.map((code) => `.${code}`))].join(
      '',
    );
    this.responses[name] ??= isAuth ? this.authAnswer(status, problems) : this.problemAnswer(status, problems);
    return { $ref: `#/components/responses/${name}` };
  }

  private problemAnswer(status: number | undefined, problems: readonly KnownProblem[]) {
    const codes = problems.map(({ code }) => code).sort();
    const schema = { allOf: [this.schema(problem), { properties: { code: { enum: codes } } }] };
    const examples = Object.fromEntries(problems.map((one) => [one.code, { value: problemExample(one) }]));
    return this.answer(status, codes, { 'application/problem+json': { schema, examples } });
  }

  private authAnswer(status: number | undefined, problems: readonly KnownProblem[]) {
    const codes = problems.map(({ code }) => code).sort();
    const schema = {
      anyOf: [
        { allOf: [this.schema(authError), { properties: { error_code: { enum: codes } } }] },
        { allOf: [this.schema(newerAuthError), { properties: { code: { enum: codes } } }] },
      ],
    };
    const examples = Object.fromEntries(
      problems.map((one) => [one.code, { value: { code: one.status, error_code: one.code, msg: one.detail } }]),
    );
    // What never became a request has no path, by which the form is known.
    const unread = status === undefined && { 'application/problem+json': { schema: this.schema(problem) } };
    return this.answer(status, codes, { 'application/json': { schema, examples }, ...unread });
  }

  private answer(status: number | undefined, codes: readonly string[], content: object) {
    const own = status === undefined ? undefined : headerNames[status];
    const description =
      status === undefined
        ? 'What may be answered on any route: the request is too large, too late or not understood, or something is out of reach.'
        : `${STATUS_CODES[status]}: ${codes.map((code) => `\`${code}\``).join(', ')}.`;
    const headers = {
      traceparent: this.header('Traceparent'),
      ...(own && { [own.toLowerCase()]: this.header(own as 'Retry-After') }),
    };
    return { description, headers, content };
  }

  private inner(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map((one) => this.nested(one));
    if (typeof schema !== 'object' || schema === null) return schema;
    return Object.fromEntries(
      Object.entries(schema).map(([key, value]) => [key, literal.has(key) ? value : this.nested(value)]),
    );
  }

  private nested(value: unknown): unknown {
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? this.schema(value as Schema)
      : this.inner(value);
  }
}

/** Keywords whose values are data. */
const literal = new Set(['examples', 'enum', 'const', 'default']);

function problemExample({ status, code, detail }: KnownProblem) {
  const errors = code === 'validation_failed' ? [{ pointer: '/email', detail: 'email must be an email' }] : undefined;
  return {
    type: 'about:blank',
    title: STATUS_CODES[status],
    status,
    detail,
    code,
    traceId: exampleOf(traceId),
    ...(errors && { errors }),
  };
}
