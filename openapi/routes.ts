import { HTTP_CODE_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Policy, type Route, routesOf } from '#common/auth/index';
import type { ControllerDocs, OperationDoc, Schema } from '#common/openapi/index';
import { routeOf } from '../services/gateway/src/routes.js';
import type { Application } from './applications.js';
import type { Class } from './rules.js';

/** A route that clients can reach, with all that the code says of it. */
export interface DocumentedRoute {
  readonly application: Application['name'];
  /** In lower case. */
  readonly method: string;
  /** As OpenAPI writes it: `/v1/customers/{id}`. */
  readonly path: string;
  /** Of the path, in its order. */
  readonly parameters: readonly string[];
  /** None at the gateway, which asks the services. */
  readonly policy: Policy | undefined;
  readonly conventions: Route['conventions'];
  /** Names of the limits that count requests to it, as RateLimit-Policy tells them. */
  readonly limits: readonly string[];
  readonly tag: string;
  readonly doc: OperationDoc;
  readonly controller: Class;
  readonly handler: string;
  /** Of the answer that is no error. */
  readonly status: number;
  readonly bodies: readonly Class[];
  readonly queries: readonly (Class | Readonly<Record<string, Schema>>)[];
  /** On these paths errors have the form of Supabase Auth. */
  readonly isAuth: boolean;
}

const methods = ['get', 'post', 'put', 'patch', 'delete'];

/** As Nest numbers the kinds of parameters. */
const kinds = { body: '3', query: '4' } as const;

/** Every `*.docs.js` beside the code. */
export async function allDocs(): Promise<Map<string, ControllerDocs>> {
  const files = ['libs', 'services'].flatMap((root) =>
    readdirSync(resolve('dist', root), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.docs.js'))
      .map((name) => join(resolve('dist', root), name)),
  );
  const docs = new Map<string, ControllerDocs>();
  for (const file of files.sort()) {
    const module = (await import(pathToFileURL(file).href)) as { default?: readonly ControllerDocs[] };
    for (const one of module.default ?? []) docs.set(one.controller.name, one);
  }
  return docs;
}

/** The routes of all applications as clients see them: a service's own that the gateway does not hand on are left out. */
export function documentedRoutes(all: readonly Application[], docs: Map<string, ControllerDocs>): DocumentedRoute[] {
  const found = all.flatMap(({ name, app }) =>
    routesOf(app)
      .filter(({ path }) => name === (routeOf(path.replace(':source', name))?.[1] ?? 'gateway'))
      .map((route) => documented(name, route, docs)),
  );
  const byRoute = new Map(found.map((route) => [`${route.method} ${route.path}`, route]));
  return [...byRoute.values()].sort((a, b) =>
    a.path === b.path ? methods.indexOf(a.method) - methods.indexOf(b.method) : a.path < b.path ? -1 : 1,
  );
}

function documented(
  application: Application['name'],
  route: Route,
  docs: Map<string, ControllerDocs>,
): DocumentedRoute {
  const { method: verb, path, policy, conventions, limits, handler, declared } = route;
  const own = docs.get(handler.split('.')[0]!);
  const doc = own?.operations[declared.key];
  if (!own || !doc)
    throw new Error(
      `no docs for ${handler}: they stand beside it, in <feature>.docs.ts, in the list that is its default export`,
    );
  const method = (declared.controller as Readonly<Record<string, object>>)[declared.key]!;
  const status = Reflect.getMetadata(HTTP_CODE_METADATA, method) as number | undefined;
  return {
    application,
    method: verb.toLowerCase(),
    path: path.replaceAll(/:(\w+)/g, '{$1}'),
    parameters: [...path.matchAll(/:(\w+)/g)].map(([, name]) => name!),
    policy,
    conventions,
    limits: path.startsWith('/health/') ? [] : ['address', ...(application === 'gateway' ? [] : limits)],
    tag: own.tag,
    doc,
    controller: declared.controller.constructor as Class,
    handler: declared.key,
    status: status ?? (verb === 'POST' ? 201 : 200),
    bodies: doc.body ? [doc.body].flat() : classesOf(declared, kinds.body),
    queries: doc.query ? [doc.query].flat() : classesOf(declared, kinds.query),
    isAuth: path.startsWith('/auth/v1/'),
  };
}

/** Classes of the whole body, or of the whole query, that a method declares. */
function classesOf({ controller, key }: Route['declared'], kind: string): Class[] {
  const parameters = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller.constructor, key) ?? {}) as Readonly<
    Record<string, { readonly index: number; readonly data?: unknown }>
  >;
  const types = Reflect.getMetadata('design:paramtypes', controller, key) as readonly Class[];
  return Object.entries(parameters)
    .filter(([name, { data }]) => name.split(':')[0] === kind && data === undefined)
    .map(([, { index }]) => types[index]!)
    .filter((type) => (type as unknown) !== Object);
}
