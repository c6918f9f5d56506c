import { serviceNames, type ServiceName } from '#common/contracts/index';
import { Problem } from '#common/http/index';

const letters: Readonly<Record<ServiceName, string>> = { identity: 'i', licensing: 'l', crm: 'c', conversations: 'v' };

/** Each service's position, in its own form; none for one that was not heard of yet. */
export type Positions = Map<ServiceName, string>;

/** A service's own form of a position, as far as the gateway needs to know it. */
export const isPosition = (text: string): boolean => /^(\d{1,9}\.)?\d{1,15}$/.test(text);

/** `i12.l5.c9.v3`: where a listener is in each of the logs. */
export const formatId = (positions: ReadonlyMap<ServiceName, string>): string =>
  serviceNames
    .filter((name) => positions.has(name))
    .map((name) => `${letters[name]}${positions.get(name)}`)
    .join('.');

const pattern = new RegExp(`^${serviceNames.map((name) => `(?:${letters[name]}([\\d.]{1,25}?)(?:\\.|$))?`).join('')}$`);

/** Raises 400 for what this gateway has never sent. */
export function parseId(text: string): Positions {
  const found = text.length === 0 || text.endsWith('.') ? null : pattern.exec(text);
  const positions: Positions = new Map();
  serviceNames.forEach((name, index) => {
    const position = found?.[index + 1];
    if (position !== undefined) positions.set(name, position);
  });
  if (positions.size === 0 || ![...positions.values()].every(isPosition)) {
    throw new Problem(400, 'bad_position', 'A position is the id of an event that this stream has sent.');
  }
  return positions;
}
