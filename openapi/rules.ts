import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, ValidationTypes } from 'class-validator';
import type { Schema } from '#common/openapi/index';
import type { Comments } from './comments.js';

export type Class = abstract new (...args: never[]) => object;
type Rule = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];
type Bounds = { readonly bytes: number; readonly depth: number };

const printable = String.raw`[^\u0000-\u001f\u007f-\u009f]`;

/** A pattern that every reader of JSON Schema takes alike: without flags, and without classes of Unicode. */
const patternOf = ({ source, flags }: RegExp): Schema =>
  flags === '' || flags === 'u'
    ? { type: 'string', pattern: source.replaceAll(String.raw`\P{Cc}`, printable) }
    : { type: 'string' };

const moment = { type: 'string', format: 'date-time' };
const jsonWithin = ({ bytes, depth }: Bounds): Schema => ({
  'x-bounds': `${bytes} bytes of JSON, nested ${depth} levels deep, at most`,
});

/** Name of a validator → what it says, as JSON Schema. */
const keywordsOf: Readonly<Record<string, (...constraints: never[]) => Schema>> = {
  isString: () => ({ type: 'string' }),
  text: (max: number) => ({ type: 'string', minLength: 1, maxLength: max }),
  maxLength: (max: number) => ({ type: 'string', maxLength: max }),
  isLength: (min: number, max: number) => ({ type: 'string', minLength: min, maxLength: max }),
  isByteLength: (min: number, max: number) => ({
    type: 'string',
    minLength: min,
    maxLength: max,
    'x-bounds': `${max} bytes of UTF-8 at most`,
  }),
  isNotEmpty: () => ({ type: 'string', minLength: 1 }),
  matches: (pattern: RegExp) => patternOf(pattern),
  isEmail: () => ({ type: 'string', format: 'email' }),
  isUuid: () => ({ type: 'string', format: 'uuid' }),
  isIn: (values: readonly unknown[]) => ({ type: 'string', enum: values }),
  isInt: () => ({ type: 'integer' }),
  min: (min: number) => ({ minimum: min }),
  max: (max: number) => ({ maximum: max }),
  isBoolean: () => ({ type: 'boolean' }),
  isObject: () => ({ type: 'object' }),
  isArray: () => ({ type: 'array' }),
  arrayMaxSize: (max: number) => ({ maxItems: max }),
  arrayNotEmpty: () => ({ minItems: 1 }),
  arrayUnique: () => ({ uniqueItems: true }),
  isRFC3339: () => moment,
  isIso8601: () => moment,
  listOf: (max: number) => ({ type: 'array', maxItems: max }),
  boundedJson: jsonWithin,
  isInputSchema: (bytes: number, depth: number) => ({ type: 'object', ...jsonWithin({ bytes, depth }) }),
  banDuration: () => ({ type: 'string' }),
  passwordHash: () => ({ type: 'string', maxLength: 1_024 }),
  notNil: () => ({}),
  isDefined: () => ({}),
  [ValidationTypes.WHITELIST]: () => ({}),
};

interface Field {
  readonly schema: Schema;
  readonly required: boolean;
}

/** JSON Schemas of the classes that requests are validated by, out of the rules themselves. */
export class RequestSchemas {
  constructor(private readonly comments: Comments) {}

  /** `lenient`: unknown fields are ignored, and null is the same as absent. */
  object(type: Class, lenient = false): Schema {
    const fields = this.fields(type);
    const required = Object.keys(fields).filter((name) => fields[name]!.required);
    const properties = Object.entries(fields).map(([name, field]) => [
      name,
      lenient && !field.required ? orNull(field.schema) : field.schema,
    ]);
    return {
      type: 'object',
      ...(required.length > 0 && { required }),
      properties: Object.fromEntries(properties),
      ...(!lenient && { additionalProperties: false }),
    };
  }

  /** Field by field, as for a query. */
  fields(type: Class): Record<string, Field> {
    const storage = getMetadataStorage();
    const rules = storage.getTargetValidationMetadatas(type as unknown as () => void, '', false, false);
    const defaults = new (type as unknown as new () => Record<string, unknown>)();
    return Object.fromEntries(
      Object.entries(storage.groupByPropertyName(rules)).map(([name, own]) => [
        name,
        this.field(type, name, own, defaults[name]),
      ]),
    );
  }

  private field(type: Class, name: string, rules: readonly Rule[], fallback: unknown): Field {
    const conditions = rules.filter((rule) => rule.type === ValidationTypes.CONDITIONAL_VALIDATION);
    const checks = rules.filter((rule) => !conditions.includes(rule));
    const isLeftOut = (value: unknown): boolean =>
      conditions.some(({ constraints }) => !constraints[0]({ [name]: value }, value));
    const own = this.combine(type, name, checks);
    const description = this.comments.of(type, name);
    const schema = {
      ...(isLeftOut(null) && Object.keys(own).length > 0 ? orNull(own) : own),
      ...(description !== undefined && { description }),
      ...(fallback !== undefined && { default: fallback }),
    };
    const isDefined = checks.some((rule) => rule.type === ValidationTypes.IS_DEFINED || rule.name === 'isDefined');
    const isAnything = checks.every((rule) => rule.type === ValidationTypes.WHITELIST);
    return { schema, required: isDefined || (!isLeftOut(undefined) && !isAnything) };
  }

  private combine(type: Class, name: string, rules: readonly Rule[]): Schema {
    const nested = rules.some((rule) => rule.type === ValidationTypes.NESTED_VALIDATION);
    const said = (each: boolean): Schema =>
      Object.assign({}, ...rules.filter((rule) => Boolean(rule.each) === each).map(keywords)) as Schema;
    const own = said(false);
    if (nested) return { ...own, items: this.object(itemOf(type, name)) };
    return own['type'] === 'array' ? { ...own, items: said(true) } : own;
  }
}

function keywords(rule: Rule): Schema {
  if (rule.type === ValidationTypes.NESTED_VALIDATION) return {};
  const name = rule.name ?? rule.type;
  const say = keywordsOf[name];
  if (!say) throw new Error(`openapi/rules.ts does not know what the validator '${name}' says`);
  return say(...((rule.constraints ?? []) as never[]));
}

/** The class of a list's items, as class-transformer makes them. */
function itemOf(type: Class, name: string): Class {
  const made = plainToInstance(type as new () => Record<string, object[]>, { [name]: [{}] });
  return made[name]![0]!.constructor as Class;
}

function orNull(schema: Schema): Schema {
  const { type, enum: values } = schema as { type?: string | string[]; enum?: unknown[] };
  if (type === undefined && values === undefined) return schema;
  return {
    ...schema,
    ...(type !== undefined && { type: [...new Set([type, 'null'].flat())] }),
    ...(values && { enum: [...new Set([...values, null])] }),
  };
}
