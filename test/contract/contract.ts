import type { ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

type Json = Readonly<Record<string, unknown>>;

interface Reference {
  readonly $ref?: string;
}

interface Header extends Reference {
  readonly required?: boolean;
  readonly schema?: Json;
}

interface Response extends Reference {
  readonly headers?: Readonly<Record<string, Header>>;
  readonly content?: Readonly<Record<string, unknown>>;
}

export interface Parameter extends Reference {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: Json;
  readonly example?: unknown;
}

export interface Operation {
  readonly operationId: string;
  readonly security: readonly object[];
  readonly 'x-callers': 'anybody' | 'signed-in' | 'role';
  readonly 'x-role'?: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Readonly<Record<string, { readonly schema: Json; readonly example: unknown }>>;
  };
  readonly responses: Readonly<Record<string, Response>>;
}

interface Document {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, Omit<Operation, 'parameters'> & Partial<Operation>>>>
  >;
  readonly components: { readonly responses: Readonly<Record<string, Response>> };
}

const pointer = (...steps: readonly string[]): string =>
  steps.map((step) => `/${encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('');

/** Objects take no fields beside those that are named, so that a field of an answer that no schema has is found. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, child]) => [key, closed(child)]));
  const isOpen = copy['type'] === 'object' && copy['properties'] !== undefined && !('additionalProperties' in copy);
  return isOpen ? { ...copy, additionalProperties: false } : copy;
}

/** The committed OpenAPI document, and what is wrong with an answer by it. */
export class Contract {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true });
  private readonly known = new Map<string, ValidateFunction>();
  readonly document: Document;

  constructor(text = readFileSync(resolve('docs', 'openapi.json'), 'utf8')) {
    this.document = JSON.parse(text) as Document;
    addFormats.default(this.ajv);
    this.ajv.addSchema(closed(this.document) as object, 'openapi');
  }

  /** Every operation with its method, in upper case, and its path. */
  operations(): { method: string; path: string; operation: Operation }[] {
    return Object.entries(this.document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => {
        const parameters = (operation.parameters ?? []).map((one) => this.resolved(one));
        return { method: method.toUpperCase(), path, operation: { ...operation, parameters } };
      }),
    );
  }

  /** A schema, with the components that it refers to. */
  resolved<Value extends Reference>(value: Value): Value {
    if (value.$ref === undefined) return value;
    const steps = value.$ref
      .split('/')
      .slice(1)
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
    return steps.reduce<unknown>((from, step) => (from as Json)[step], this.document) as Value;
  }

  /** @param route method and path, such as `GET /v1/customers/:id` or `GET /v1/customers/{id}` */
  faultsOf(route: string, answer: Answer): string[] {
    const [verb, path] = route.replaceAll(/:(\w+)/g, '{$1}').split(' ') as [string, string];
    const method = verb === 'HEAD' ? 'get' : verb.toLowerCase();
    const operation = this.document.paths[path]?.[method];
    if (!operation) return [`${route} is not documented`];
    const name = String(answer.status) in operation.responses ? String(answer.status) : 'default';
    const where = pointer('paths', path, method, 'responses', name);
    const response = operation.responses[name]!;
    const faults = [
      ...this.faultsOfHeaders(answer, this.resolved(response)),
      ...this.faultsOfBody(answer, response.$ref?.slice(1) ?? where, this.resolved(response), verb === 'HEAD'),
    ];
    return faults.map((fault) => `${route} answered ${answer.status}: ${fault}: ${answer.text.slice(0, 300)}`);
  }

  /** What is wrong with an answer to no route that there is: a failure must be told in one of the two forms. */
  faultsOfStray(method: string, answer: Answer): string[] {
    if (answer.status < 400 || method === 'HEAD') return [];
    const type = answer.headers['content-type']?.split(';')[0];
    const name = type === 'application/problem+json' ? 'Anywhere' : 'AuthAnywhere';
    const { content } = this.document.components.responses[name]!;
    if (type === undefined || !(type in content!))
      return [`an answer ${answer.status} to no route has content type ${type}`];
    const schema = type === 'application/problem+json' ? 'Problem' : 'AuthError';
    const validate = this.validator(pointer('components', 'schemas', schema));
    const newer = this.validator(pointer('components', 'schemas', 'AuthErrorOf2024'));
    const body = JSON.parse(answer.text) as unknown;
    return validate(body) || newer(body)
      ? []
      : [`an answer ${answer.status} to no route: ${this.ajv.errorsText(validate.errors)}`];
  }

  private faultsOfHeaders({ headers }: Answer, response: Response): string[] {
    return Object.entries(response.headers ?? {})
      .filter(([name, header]) => this.resolved(header).required === true && headers[name.toLowerCase()] === undefined)
      .map(([name]) => `the header ${name} is missing`);
  }

  private faultsOfBody(
    { status, headers, text }: Answer,
    where: string,
    { content }: Response,
    isHead: boolean,
  ): string[] {
    if (content === undefined || isHead) return text === '' ? [] : ['there is a body'];
    const type = headers['content-type']?.split(';')[0] ?? 'none';
    if (!(type in content)) return [`content type ${type} is not documented`];
    let body: unknown = text;
    if (type.endsWith('json')) {
      try {
        body = JSON.parse(text);
      } catch {
        return ['the body is no JSON'];
      }
    }
    if (type === 'application/problem+json' && (body as Json)['status'] !== status) return ['the status differs'];
    const validate = this.validator(`${where}${pointer('content', type, 'schema')}`);
    return validate(body) ? [] : [this.ajv.errorsText(validate.errors, { separator: '; ' })];
  }

  private validator(at: string): ValidateFunction {
    const validate = this.known.get(at) ?? this.ajv.compile({ $ref: `openapi#${at}` });
    this.known.set(at, validate);
    return validate;
  }
}
