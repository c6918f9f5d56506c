import type { Schema } from './schema.js';

type Class<Instance extends object = object> = abstract new (...args: never[]) => Instance;

type OneOrMore<Value> = Value | readonly Value[];

/** Names of a controller's public methods beside Nest's own: its routes. */
type Handler<Controller> = {
  [Name in keyof Controller]: Controller[Name] extends (...args: never[]) => unknown
    ? Exclude<Name, 'onModuleInit'>
    : never;
}[keyof Controller];

/** One answer beside errors. */
export interface AnswerDoc {
  readonly description: string;
  readonly schema?: Schema;
  /** `application/json` by default. */
  readonly contentType?: string;
  /** Those that it always has, beside the common ones. */
  readonly headers?: Readonly<Record<string, Schema>>;
  readonly example?: unknown;
}

/**
 * What the API reference says of a route that the code does not say itself. Path, parameters, body, their bounds, who may
 * call it and what every such route may refuse are read off the running application; a longer description is the doc
 * comment of the method.
 */
export interface OperationDoc {
  /** The operationId, for generators of clients. */
  readonly id: string;
  /** That of the method's second path. */
  readonly alias?: string;
  readonly summary: string;
  readonly description?: string;
  /** Of the one answer that is no error. */
  readonly answer?: Schema;
  /** Where there are several, or one that is no JSON. */
  readonly answers?: Readonly<Record<number, AnswerDoc>>;
  /** Codes of problems that are this route's own; `422 insufficient_aal` where a code comes with several statuses. */
  readonly errors?: readonly string[];
  /** Classes of what the method itself takes as `unknown`; of several, the body is one. */
  readonly body?: OneOrMore<Class>;
  readonly bodyIsOptional?: boolean;
  readonly query?: OneOrMore<Class | Readonly<Record<string, Schema>>>;
  /** Parameters of the query that must be there, of those that have no class. */
  readonly required?: readonly string[];
  readonly headers?: Readonly<Record<string, Schema>>;
  /** Of parameters of the path that are no ids. */
  readonly params?: Readonly<Record<string, Schema>>;
  /** Fields of the body's example in place of those that are made up. */
  readonly example?: Readonly<Record<string, unknown>>;
}

export interface ControllerDocs {
  readonly controller: Class;
  readonly tag: string;
  readonly operations: Readonly<Record<string, OperationDoc>>;
}

/** The docs of a controller; the compiler misses a route that is forgotten. */
export const docsOf = <Controller extends object>(
  controller: Class<Controller>,
  tag: string,
  operations: { readonly [Name in Handler<Controller>]: OperationDoc },
): ControllerDocs => ({ controller, tag, operations });
