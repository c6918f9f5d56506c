import { randomUUID } from 'node:crypto';
import type { Contract, Operation, Parameter } from '../contract/contract.js';
import type { Random } from '../chaos/random.js';
import type { Cast, Role } from './cast.js';
import { roles } from './cast.js';
import { ValidValues } from './valid.js';
import { jsonOf, Raw, Values } from './values.js';

type Fields = Record<string, unknown>;

/** A request as it goes over the wire. */
export interface FuzzRequest {
  /** Method and path of the operation that it began as. */
  readonly route: string;
  readonly role: Role;
  readonly method: string;
  readonly target: string;
  /** Names and values in turn. */
  readonly headers: string[];
  readonly body: string | undefined;
  /** What was done to it; empty for a valid one. */
  readonly changes: readonly string[];
  /** False where method or path are not the operation's any more. */
  readonly isOfRoute: boolean;
}

interface Draft {
  method: string;
  path: string;
  query: [string, string][];
  headers: [string, string][];
  body: unknown;
  /** In place of the body as JSON. */
  text: string | undefined;
  isOfRoute: boolean;
}

interface Target {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

type Change = (draft: Draft, random: Random) => void;

/** What ends somebody or something that others of the cast still need. */
const ending =
  /^(DELETE \/v1\/(me|organizations\/\{id\})|DELETE \/auth\/v1\/admin\/users\/\{id\}|POST \/auth\/v1\/logout|POST \/v1\/licenses\/\{id\}\/\w+|DELETE \/v1\/licenses.*|POST \/v1\/admin\/signing-keys\/rotate)$/;
/** How often these are really sent as they are. */
const endings = 0.03;

/** Would take the administrator's own account away from the run. */
const notAsPlatform = /^(PUT \/auth\/v1\/user|POST \/auth\/v1\/(factors.*|logout))$/;

const headerNames = [
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'forwarded',
  'x-http-method-override',
  'x-original-url',
  'traceparent',
  'tracestate',
  'if-match',
  'if-none-match',
  'idempotency-key',
  'cookie',
  'last-event-id',
  'accept',
  'accept-encoding',
  'accept-language',
  'range',
  'prefer',
  'origin',
  'referer',
  'user-agent',
  'x-supabase-api-version',
  'content-encoding',
  'te',
  'upgrade',
  'connection',
  'via',
  'x-real-ip',
  'apikey',
];
const headerValues = [
  '',
  '*',
  '"',
  '""',
  'a,b,c',
  '-1',
  '0',
  '99999999999999999999',
  'null',
  '__proto__',
  '127.0.0.1',
  '::1, 10.0.0.1',
  'close, authorization',
  'websocket',
  'gzip',
  '00-00000000000000000000000000000000-0000000000000000-00',
  '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  'W/"a"',
  '2024-01-01',
  '2999-99-99',
  'bytes=0-',
  'http://localhost:3000',
  'https://evil.example',
  'é',
  'i1.l1.c1.v1',
  '1',
  'x'.repeat(4_000),
];
const contentTypes = [
  '',
  'text/plain',
  'application/xml',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded',
  'application/json; charset=utf-16',
  'application/json; charset="',
  'application/problem+json',
  'APPLICATION/JSON',
  'application/json,text/plain',
  'application/merge-patch+json',
  '/',
];
const methods = [
  'HEAD',
  'OPTIONS',
  'GET',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'TRACE',
  'PROPFIND',
  'QUERY',
  'M-SEARCH',
  'LINK',
];
const pathParts = [
  '..',
  '.',
  '%2e%2e',
  '%2f',
  '%5c',
  '%00',
  '%',
  '%zz',
  '%ff',
  '%E0%80%80',
  '',
  'null',
  'undefined',
  '0',
  '-1',
  'constructor',
  '__proto__',
  '%F0%9F%98%80',
  'x'.repeat(300),
  '%25',
  ';a=b',
  '*',
];
const bodies = [
  '',
  '{',
  '{}',
  '[]',
  'null',
  '"a"',
  '1',
  '{"a":1,}',
  "{'a':1}",
  '{"a":1}{"b":2}',
  '\uFEFF{}',
  '{"__proto__":{"a":1}}',
  '{"constructor":{"prototype":{}}}',
  'NaN',
  '{"a":\u0001}',
  `${'['.repeat(100_000)}`,
  `{"a":"${'x'.repeat(1_100_000)}"}`,
];

/** Writes requests, valid and broken ones, that depend on a seed and on what rows there are. */
export class Requests {
  private readonly values: Values;
  private readonly valid: ValidValues;
  private readonly targets: readonly Target[];

  constructor(contract: Contract, seed: number) {
    this.values = new Values(seed);
    this.valid = new ValidValues(contract, this.values);
    this.targets = contract.operations();
  }

  next(random: Random, cast: Cast): FuzzRequest {
    const target = random.pick(this.targets);
    const route = `${target.method} ${target.path}`;
    const role = this.roleFor(route, random);
    const draft = this.draft(target, random, cast, role);
    const changes: string[] = [];
    let count = random.pick([0, 1, 1, 1, 2, 3]);
    if (count === 0 && ending.test(route) && random.next() > endings) count = 1;
    while (changes.length < count) {
      const [name, change] = random.pick(this.changes);
      change(draft, random);
      changes.push(name);
    }
    // What was changed where nothing looks is as good as a valid one.
    if (ending.test(route) && count > 0) draft.path = draft.path.replace(/[0-9a-f]{12}(?=\/|$)/, '000000000000');
    if (ending.test(route) && count > 0 && !/\{/.test(route))
      draft.headers = draft.headers.filter(([name]) => name !== 'authorization');
    return { route, role, changes, isOfRoute: draft.isOfRoute, ...written(draft) };
  }

  private roleFor(route: string, random: Random): Role {
    const role = random.pick(roles);
    return role === 'platform' && notAsPlatform.test(route) ? 'member' : role;
  }

  private draft({ method, path, operation }: Target, random: Random, cast: Cast, role: Role): Draft {
    const token = cast.token(role);
    const content = operation.requestBody?.content['application/json'];
    const isExample = random.next() < 0.4;
    const body =
      content &&
      (isExample ? structuredClone(content.example) : this.valid.of(content.schema, random, content.example));
    const { parameters } = operation;
    return {
      method,
      path: filled(path, parameters, random, cast),
      query: parameters
        .filter((one) => one.in === 'query' && (one.required === true || random.next() < 0.2))
        .map((one) => [one.name, queryValue(this.valid.of(one.schema, random, one.example))]),
      headers: [
        ...(token === undefined ? [] : [['authorization', `Bearer ${token}`] as [string, string]]),
        ...(content ? [['content-type', 'application/json'] as [string, string]] : []),
        ...parameters
          .filter((one) => one.in === 'header' && random.next() < 0.1)
          .map(({ name, example }): [string, string] => [name, String(example)]),
      ],
      body: personal(body, random, cast),
      text: undefined,
      isOfRoute: true,
    };
  }

  private readonly changes: readonly (readonly [string, Change])[] = [
    ['a field of another sort', (draft, random) => this.changeField(draft, random, () => this.values.any(random))],
    ['a nasty text in a field', (draft, random) => this.changeField(draft, random, () => this.values.text(random))],
    ['a field that is missing', (draft, random) => this.changeField(draft, random, () => undefined)],
    [
      'a field that nobody knows',
      (draft, random) =>
        addField(
          draft,
          random.pick(['extra', 'id', 'organizationId', 'userId', 'role', 'createdAt', 'toString']),
          this.values.any(random),
        ),
    ],
    [
      'another value as the body',
      (draft, random) => {
        draft.body = this.values.any(random);
      },
    ],
    [
      'a body that is no good JSON',
      (draft, random) => {
        draft.text = random.pick(bodies);
      },
    ],
    ['a key twice', twice],
    ['another content type', (draft, random) => setHeader(draft, 'content-type', random.pick(contentTypes))],
    ['a token that was changed', (draft, random) => changeToken(draft, random)],
    [
      'a header that was injected',
      (draft, random) => {
        draft.headers.push([random.pick(headerNames), random.pick(headerValues)]);
      },
    ],
    [
      'another method',
      (draft, random) => {
        draft.method = random.pick(methods);
        draft.isOfRoute = false;
      },
    ],
    ['another path', (draft, random) => changePath(draft, random)],
    [
      'a query that nobody knows',
      (draft, random) => {
        draft.query.push([
          random.pick(['extra', 'limit', 'cursor', 'sort', 'count', 'limit[]', '__proto__', 'organizationId', 'q']),
          queryValue(this.values.any(random)),
        ]);
      },
    ],
    [
      'a nasty query',
      (draft, random) => {
        if (draft.query.length > 0) random.pick(draft.query)[1] = this.values.text(random);
      },
    ],
  ];

  private changeField(draft: Draft, random: Random, value: () => unknown): void {
    const places = objectsIn(draft.body).flatMap((owner) => Object.keys(owner).map((name) => [owner, name] as const));
    if (places.length === 0) return;
    const [owner, name] = random.pick(places);
    owner[name] = value();
  }
}

/** Fills a path with rows that there are: children with their own parents. */
function filled(path: string, parameters: readonly Parameter[], random: Random, cast: Cast): string {
  const steps = path.split('/');
  let parent: string | undefined;
  for (let index = steps.length - 1; index >= 0; index -= 1) {
    const name = /^\{(\w+)\}$/.exec(steps[index]!)?.[1];
    if (name === undefined) continue;
    const { schema, example } = parameters.find((one) => one.in === 'path' && one.name === name)!;
    if (schema['format'] !== 'uuid')
      steps[index] = String(random.pick((schema['enum'] as string[] | undefined) ?? [example]));
    else if (parent !== undefined && random.next() < 0.9) steps[index] = parent;
    else
      ({ id: steps[index], parent } = cast.pick(steps[index - 1]!, random) as {
        id: string;
        parent: string | undefined;
      });
  }
  return steps.join('/');
}

const queryValue = (value: unknown): string => (typeof value === 'string' ? value : jsonOf(value));

const objectsIn = (value: unknown): Fields[] => {
  if (typeof value !== 'object' || value === null || value instanceof Raw) return [];
  const inner = Object.values(value).flatMap(objectsIn);
  return Array.isArray(value) ? inner : [value as Fields, ...inner];
};

const listsByField: Readonly<Record<string, string>> = {
  organizationId: 'organizations',
  organizationIds: 'organizations',
  userId: 'users',
  actorId: 'users',
};

/** Ids that there are in place of examples, and addresses and names that nobody has taken. */
function personal(body: unknown, random: Random, cast: Cast): unknown {
  for (const fields of objectsIn(body)) {
    for (const [name, value] of Object.entries(fields)) {
      const list = listsByField[name];
      if (list !== undefined && Array.isArray(value)) fields[name] = [cast.pick(list, random).id];
      else if (list !== undefined && typeof value === 'string') fields[name] = cast.pick(list, random).id;
      else if (/^(new_)?email$/.test(name) && value !== null) fields[name] = `${randomUUID()}@example.com`;
      else if (name === 'code' && value === 'reports') fields[name] = `m${Math.floor(random.between(0, 1e9))}`;
    }
  }
  return body;
}

function setHeader(draft: Draft, name: string, value: string): void {
  draft.headers = draft.headers.filter(([other]) => other !== name);
  draft.headers.push([name, value]);
}

function addField(draft: Draft, name: string, value: unknown): void {
  const [first] = objectsIn(draft.body);
  if (first) first[name] = value;
  else draft.body = { [name]: value };
}

function twice(draft: Draft): void {
  const [first] = objectsIn(draft.body);
  const [name] = Object.keys(first ?? {});
  const text = jsonOf(draft.body);
  if (name !== undefined && text.startsWith('{')) draft.text = `{${jsonOf(name)}:1,${text.slice(1)}`;
}

function changeToken(draft: Draft, random: Random): void {
  const token = draft.headers.find(([name]) => name === 'authorization')?.[1].slice('Bearer '.length) ?? 'a.b.c';
  const [head, claims, signature] = token.split('.');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  const at = Math.floor(random.between(0, token.length));
  const changed = random.pick([
    `Bearer ${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`,
    `Bearer ${none}.${claims}.`,
    `Bearer ${head}.${claims}`,
    `Bearer ${head}.${Buffer.from('{"sub":1}').toString('base64url')}.${signature}`,
    `Bearer ${'a'.repeat(12_000)}`,
    `Basic ${Buffer.from('a:b').toString('base64')}`,
    'Bearer',
    'Bearer null',
    `bearer ${token} `,
    `Bearer ${token}, Bearer ${token}`,
  ]);
  setHeader(draft, 'authorization', changed);
  if (random.next() < 0.2) draft.headers.push(['Authorization', `Bearer ${token}`]);
}

function changePath(draft: Draft, random: Random): void {
  const steps = draft.path.split('/');
  const at = 1 + Math.floor(random.next() * steps.length);
  steps[at] = random.pick(pathParts);
  draft.path = steps.join('/');
  draft.isOfRoute = false;
}

/** No byte of a header or a target that Node would refuse to send. */
const sendable = (text: string): string => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '?');

function written({
  method,
  path,
  query,
  headers,
  body,
  text,
}: Draft): Pick<FuzzRequest, 'method' | 'target' | 'headers' | 'body'> {
  const parameters = query.map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value.toWellFormed())}`,
  );
  return {
    method,
    target: path + (parameters.length > 0 ? `?${parameters.join('&')}` : ''),
    headers: headers.flatMap(([name, value]) => [name, sendable(value)]),
    body: text ?? (body === undefined ? undefined : jsonOf(body)),
  };
}
