import { ValidateBy, type ValidationArguments } from 'class-validator';

/** Bytes of the schema as JSON, and levels of nesting, at most. */
const sizeLimit = 16_000;
const depthLimit = 8;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isSchema = (value: unknown): boolean => isObject(value) || typeof value === 'boolean';

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** Why a value is no JSON Schema of an object, or null when it looks like one. */
function faultOf(schema: unknown): string | null {
  if (!isObject(schema)) return 'must be a JSON Schema object';
  if (Buffer.byteLength(JSON.stringify(schema)) > sizeLimit) return `must be ${sizeLimit} bytes of JSON at most`;
  if (depthOf(schema) > depthLimit) return `must be nested ${depthLimit} levels deep at most`;
  const { type, properties, required } = schema;
  if (type !== 'object') return `must be a JSON Schema whose type is 'object'`;
  if (properties !== undefined && !(isObject(properties) && Object.values(properties).every(isSchema))) {
    return 'must have properties that are JSON Schemas';
  }
  if (required !== undefined && !(Array.isArray(required) && required.every((name) => typeof name === 'string'))) {
    return 'must name what is required in an array of strings';
  }
  return null;
}

/** The place of a key among others in jsonb: shorter ones first, then by bytes. */
function byStoredOrder([one]: [string, unknown], [other]: [string, unknown]): number {
  const [first, second] = [Buffer.from(one), Buffer.from(other)];
  return first.length - second.length || first.compare(second);
}

/** JSON with its keys in the order in which PostgreSQL keeps them, so that the answer of a write is that of a read. */
export function asStored<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(asStored) as Value;
  if (!isObject(value)) return value;
  const entries = Object.entries(value).sort(byStoredOrder);
  return Object.fromEntries(entries.map(([key, child]) => [key, asStored(child)])) as Value;
}

/** A JSON Schema that describes an object: what a function takes as its input. */
export const IsInputSchema = (): PropertyDecorator =>
  ValidateBy({
    name: 'isInputSchema',
    constraints: [sizeLimit, depthLimit],
    validator: {
      validate: (value: unknown) => faultOf(value) === null,
      defaultMessage: (told?: ValidationArguments) => `${told?.property} ${faultOf(told?.value)}`,
    },
  });
