import { isUUID } from 'class-validator';
import { invalid } from '#common/http/index';

/** A field of another service's question; raises 400 for one that is not what it must be. */
export function fieldOf<Value>(question: unknown, name: string, is: (value: unknown) => value is Value): Value {
  const value = (question as Readonly<Record<string, unknown>> | null)?.[name];
  if (!is(value)) throw invalid(`/${name}`, `${name} is not valid`);
  return value;
}

const isId = (value: unknown): value is string => isUUID(value, 'loose');

export const uuidOf = (question: unknown, name: string): string => fieldOf(question, name, isId);
