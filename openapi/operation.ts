import { STATUS_CODES } from 'node:http';
import type { AnswerDoc, Schema } from '#common/openapi/index';
import { named } from '#common/openapi/index';
import type { Comments } from './comments.js';
import type { Components } from './components.js';
import { exampleOf } from './examples.js';
import type { Problems } from './problems.js';
import { anywhere, refusalsOf } from './refusals.js';
import type { DocumentedRoute } from './routes.js';
import { type Class, RequestSchemas } from './rules.js';

const isClass = (query: Class | Readonly<Record<string, Schema>>): query is Class => typeof query === 'function';

/** Writes the operations of the document. */
export class Operations {
  private readonly requests: RequestSchemas;
  private readonly bodies = new Map<string, Schema>();

  constructor(
    private readonly components: Components,
    private readonly problems: Problems,
    private readonly comments: Comments,
  ) {
    this.requests = new RequestSchemas(comments);
  }

  operation(route: DocumentedRoute): object {
    const { doc, tag, policy } = route;
    const parameters = [
      ...this.pathParameters(route),
      ...this.queryParameters(route),
      ...headerParameters(route),
      ...this.components.conventionParameters(route),
    ];
    const isPublic = policy?.kind === 'public' || (policy === undefined && route.doc.errors === undefined);
    return {
      operationId: (route.isAuth ? doc.alias : undefined) ?? doc.id,
      tags: [tag],
      summary: doc.summary,
      description: this.descriptionOf(route, isPublic),
      security: isPublic ? [] : [{ bearer: [] }],
      ...callersOf(route, isPublic),
      ...(parameters.length > 0 && { parameters }),
      ...(route.bodies.length > 0 && { requestBody: this.requestBody(route) }),
      responses: this.responses(route),
    };
  }

  private descriptionOf({ doc, controller, handler, policy, limits }: DocumentedRoute, isPublic: boolean): string {
    const more = doc.description ?? this.comments.of(controller, handler);
    const callers = isPublic ? 'Anybody; no token is looked at.' : callersInWords(policy);
    const counted = limits.map((name) => `\`${name}\``).join(', ');
    return [
      ...(more === undefined ? [] : [more]),
      `**Who may call it:** ${callers}`,
      ...(limits.length > 0 ? [`**Limits that count it:** ${counted}.`] : []),
    ].join('\n\n');
  }

  private pathParameters({ parameters, doc }: DocumentedRoute): object[] {
    return parameters.map((name) => {
      const schema = doc.params?.[name] ?? { type: 'string', format: 'uuid' };
      return { name, in: 'path', required: true, schema, example: exampleOf(schema, name) };
    });
  }

  private queryParameters({ queries, doc }: DocumentedRoute): object[] {
    return queries.flatMap((query) =>
      isClass(query)
        ? Object.entries(this.requests.fields(query)).map(([name, { schema, required }]) =>
            parameter('query', name, schema, required),
          )
        : Object.entries(query).map(([name, schema]) =>
            parameter('query', name, schema, doc.required?.includes(name) === true),
          ),
    );
  }

  private requestBody({ bodies, doc, isAuth }: DocumentedRoute): object {
    const schemas = bodies.map((type) => this.body(type, isAuth));
    const [first] = schemas;
    const schema =
      schemas.length === 1
        ? this.components.schema(first!)
        : { anyOf: schemas.map((one) => this.components.schema(one)) };
    const example = { ...(exampleOf(first!) as object), ...doc.example };
    return { required: doc.bodyIsOptional !== true, content: { 'application/json': { schema, example } } };
  }

  private body(type: Class, isAuth: boolean): Schema {
    const known = this.bodies.get(type.name) ?? named(type.name, this.requests.object(type, isAuth));
    this.bodies.set(type.name, known);
    return known;
  }

  private responses(route: DocumentedRoute): object {
    const { doc, isAuth } = route;
    const answers = doc.answers ?? { [route.status]: answerOf(route) };
    const refusals = [...refusalsOf(route, this.problems)].filter(([status]) => !(status in answers));
    const everywhere = anywhere.flatMap((code) => this.problems.named(code));
    return {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [status, this.answer(Number(status), answer, route)]),
      ),
      ...Object.fromEntries(refusals.map(([status, some]) => [status, this.components.problems(status, some, isAuth)])),
      default: this.components.problems(undefined, everywhere, isAuth),
    };
  }

  private answer(
    status: number,
    { description, schema, contentType, headers, example }: AnswerDoc,
    route: DocumentedRoute,
  ): object {
    const own = Object.entries(headers ?? {}).map(([name, header]) => [name, { required: true, schema: header }]);
    const content = schema && {
      [contentType ?? 'application/json']: {
        schema: this.components.schema(schema),
        example: example ?? exampleOf(schema),
      },
    };
    return {
      description,
      headers: {
        ...(status < 400 && { traceparent: this.components.header('Traceparent') }),
        ...(status < 300 && this.components.conventionHeaders(route)),
        ...Object.fromEntries(own),
      },
      ...(content && { content }),
    };
  }
}

const answerOf = ({ doc, status }: DocumentedRoute): AnswerDoc => ({
  description: `${STATUS_CODES[status]}.`,
  ...(doc.answer && { schema: doc.answer }),
});

function parameter(place: 'query' | 'header', name: string, given: Schema, required: boolean): object {
  const { description, ...schema } = given;
  return {
    name,
    in: place,
    ...(description !== undefined && { description }),
    ...(required && { required }),
    schema,
    ...(Object.keys(schema).length > 0 && { example: exampleOf(schema, name) }),
  };
}

const headerParameters = ({ doc }: DocumentedRoute): object[] =>
  Object.entries(doc.headers ?? {}).map(([name, schema]) => parameter('header', name, schema, false));

/** Who may call, for programs. */
function callersOf({ policy }: DocumentedRoute, isPublic: boolean): object {
  if (isPublic) return { 'x-callers': 'anybody' };
  const role = policy?.kind === 'role' ? policy.least : undefined;
  const module = policy?.kind === 'public' ? undefined : policy?.module;
  return {
    'x-callers': role === undefined ? 'signed-in' : 'role',
    ...(role !== undefined && { 'x-role': role }),
    ...(module !== undefined && { 'x-module': module }),
  };
}

function callersInWords(policy: DocumentedRoute['policy']): string {
  if (policy === undefined || policy.kind === 'public') return 'Any signed-in user.';
  const module =
    policy.module === undefined ? '' : `; a license of the organization must grant the module \`${policy.module}\``;
  return policy.kind === 'user'
    ? `Any signed-in user, for what is the user’s own${module}.`
    : `The role \`${policy.least}\`, or one above it${module}.`;
}
