import type { Contract } from '../contract/contract.js';
import type { Random } from '../chaos/random.js';
import type { Values } from './values.js';

type Schema = Readonly<Record<string, unknown>> & { readonly $ref?: string };

/** Makes values that a schema allows, at its bounds as often as within them. */
export class ValidValues {
  constructor(
    private readonly contract: Contract,
    private readonly values: Values,
  ) {}

  /** @param like an example, which is kept wherever nothing better is known */
  of(given: Schema, random: Random, like: unknown): unknown {
    const schema = this.contract.resolved(given);
    const {
      anyOf,
      enum: choices,
      properties,
    } = schema as { anyOf?: Schema[]; enum?: unknown[]; properties?: Record<string, Schema> };
    if (anyOf) return this.of(random.pick(anyOf), random, like);
    if (choices) return random.pick(choices);
    const types = [schema['type']].flat();
    if (types.includes('null') && random.next() < 0.15) return null;
    if (properties) return this.object(schema, properties, random, like);
    switch (types[0]) {
      case 'string':
        return this.text(schema, random, like);
      case 'integer':
        return random.pick([schema['minimum'] ?? 0, schema['maximum'] ?? 1_000, like ?? 1]);
      case 'boolean':
        return random.next() < 0.5;
      case 'array':
        return this.array(schema, random, like);
      default:
        return like ?? {};
    }
  }

  private object(schema: Schema, properties: Readonly<Record<string, Schema>>, random: Random, like: unknown): object {
    const required = (schema['required'] ?? []) as readonly string[];
    const example = (typeof like === 'object' ? like : null) as Readonly<Record<string, unknown>> | null;
    const fields = Object.entries(properties).filter(([name]) => required.includes(name) || random.next() < 0.6);
    return Object.fromEntries(fields.map(([name, child]) => [name, this.of(child, random, example?.[name])]));
  }

  private array(schema: Schema, random: Random, like: unknown): unknown[] {
    const length = random.pick([1, 1, 2, Math.min(50, Number(schema['maxItems'] ?? 3))]);
    const [first] = Array.isArray(like) ? (like as unknown[]) : [];
    return Array.from({ length }, () => this.of(schema['items'] as Schema, random, first));
  }

  private text(schema: Schema, random: Random, like: unknown): unknown {
    const {
      format,
      pattern,
      minLength = 0,
      maxLength = 100,
    } = schema as Record<string, never> & { minLength?: number; maxLength?: number };
    if (format !== undefined || pattern !== undefined || random.next() < 0.5) return like ?? 'text';
    const length = random.pick([minLength, maxLength, Math.min(maxLength, minLength + 10)]);
    const text = this.values.text(random).replaceAll('\0', '').toWellFormed();
    return [...(text || 'x').repeat(Math.ceil(length / Math.max(1, text.length)))].slice(0, length).join('');
  }
}
