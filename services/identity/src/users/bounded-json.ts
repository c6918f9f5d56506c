import { ValidateBy } from 'class-validator';

export interface JsonBounds {
  /** Of the value as UTF-8 JSON. */
  readonly bytes: number;
  /** Levels of objects and arrays. */
  readonly depth: number;
}

/** What is wrong with a JSON value by these bounds; null when nothing is. */
export function violationOf(value: unknown, bounds: JsonBounds): string | null {
  if (!isWithin(value, bounds.depth)) {
    return `may be nested ${bounds.depth} levels deep at most, of numbers that JSON can hold`;
  }
  const bytes = Buffer.byteLength(JSON.stringify(value) ?? '');
  return bytes > bounds.bytes ? `may have ${bounds.bytes} bytes as JSON at most` : null;
}

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (value === null || typeof value !== 'object') return true;
  return levels > 0 && Object.values(value).every((child) => isWithin(child, levels - 1));
}

/** Any JSON value within the bounds. */
export const BoundedJson = (bounds: JsonBounds): PropertyDecorator =>
  ValidateBy({
    name: 'boundedJson',
    constraints: [bounds],
    validator: {
      validate: (value) => violationOf(value, bounds) === null,
      defaultMessage: (args) => `$property ${violationOf(args!.value, bounds)}`,
    },
  });
