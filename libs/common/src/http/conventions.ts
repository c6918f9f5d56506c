import { RequestMethod } from '@nestjs/common';
import { HTTP_CODE_METADATA, METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { type Policy, policyKey } from '../auth/policy.js';

/** What of the HTTP contract's conventions a route follows. */
export interface Conventions {
  /** What is answered is one resource, and has an ETag; to a GET, If-None-Match is honoured with 304. */
  readonly entityTag: boolean;
  /** If-Match and If-None-Match are held against the resource before it is written: 412 `precondition_failed`. */
  readonly preconditions: boolean;
  /** What is sent again with its Idempotency-Key takes effect once. */
  readonly idempotencyKey: boolean;
  /** Path of what the route creates, told in Location; `:id` is that of the answer, the others are the route's own. */
  readonly location: string | undefined;
  /** Status of an answer without a failure. */
  readonly status: number;
}

/** What a route says of itself, where its method and path do not tell. */
interface Marks {
  readonly creates?: string;
  readonly conditional?: boolean;
  readonly secret?: boolean;
}

const marksKey = 'clarity:marks';

const mark =
  (marks: Marks): MethodDecorator =>
  (_target, _name, descriptor) => {
    const handler = descriptor.value as object;
    Reflect.defineMetadata(marksKey, { ...(Reflect.getMetadata(marksKey, handler) as Marks), ...marks }, handler);
  };

/** The route creates a resource at this path, such as `/v1/customers/:customerId/emails/:id`, and answers with it. */
export const Creates = (path: string): MethodDecorator => mark({ creates: path });

/** The route is about one resource, and answers with it, though its path does not end with a parameter or it is a POST. */
export const Conditional = (): MethodDecorator => mark({ conditional: true });

/** What the route is about has no representation, so there is no ETag of it and nothing to hold If-Match against. */
export const Unconditional = (_why: string): MethodDecorator => mark({ conditional: false });

/** The answer may carry a secret: no hash of it is told, and it is not kept, so an Idempotency-Key is refused. */
export const CarriesSecret = (): MethodDecorator => mark({ secret: true });

const none: Conventions = {
  entityTag: false,
  preconditions: false,
  idempotencyKey: false,
  location: undefined,
  status: 200,
};

const known = new WeakMap<object, Conventions>();

type Named = { readonly name: string };

/**
 * The conventions that a controller's method follows. They begin at `/v1`, and public routes have none. Throws for a route
 * that answers 201 and does not say where what it creates is: a service with such a route does not start.
 */
export function conventionsOf(controller: Named, handler: Named): Conventions {
  let conventions = known.get(handler);
  if (!conventions) known.set(handler, (conventions = deduce(controller, handler)));
  return conventions;
}

function deduce(controller: Named, handler: Named): Conventions {
  const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod]!;
  const path = [controller, handler].map((target) => [Reflect.getMetadata(PATH_METADATA, target)].flat()[0]).join('/');
  const policy = Reflect.getMetadata(policyKey, handler) as Policy | undefined;
  if (!/^\/?v1\//.test(path) || !policy || policy.kind === 'public') return none;
  const { creates, conditional, secret = false } = (Reflect.getMetadata(marksKey, handler) ?? {}) as Marks;
  const [reads, posts] = [method === 'GET', method === 'POST'];
  const status = (Reflect.getMetadata(HTTP_CODE_METADATA, handler) as number | undefined) ?? (posts ? 201 : 200);
  if (posts && status === 201 && creates === undefined)
    throw new Error(
      `${controller.name}.${handler.name} answers 201 without @Creates: name the path of what it creates, or answer with another status by @HttpCode`,
    );
  const isAboutOne = conditional ?? (reads ? /\/:\w+\/*$/.test(path) : !posts);
  return {
    entityTag: (isAboutOne ? method !== 'DELETE' : creates !== undefined) && !secret,
    preconditions: isAboutOne && !reads,
    idempotencyKey: posts && !secret,
    location: creates,
    status,
  };
}
