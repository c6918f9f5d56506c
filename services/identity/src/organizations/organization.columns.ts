import { compactObject, timesOf } from '#common/database/index';
import type { Organization } from './organization.entity.js';

/** SQL of an organization (alias `o`) as JSON. */
export const organizationJson = compactObject({
  id: 'o.id',
  name: 'o.name',
  isOperator: 'o.is_operator',
  ...timesOf('o'),
});

/** The same from what was read or written. */
export const organizationAnswer = ({ id, name, isOperator, createdAt, updatedAt }: Organization) => ({
  id,
  name,
  isOperator,
  createdAt: createdAt?.toISOString() ?? null,
  updatedAt: updatedAt?.toISOString() ?? null,
});
