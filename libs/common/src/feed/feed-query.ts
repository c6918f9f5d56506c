import { IsOptional, IsString, MaxLength } from 'class-validator';
import { serviceNames, topology } from '../contracts/topology.js';
import { IsId } from '../http/fields.js';
import { invalid } from '../http/problem.js';

/** Items of a types filter at most. */
const itemLimit = 50;

export class FeedQuery {
  /** Types and `prefix.*`, between commas; all types by default. */
  @IsOptional()
  @IsString()
  @MaxLength(2_000)
  types?: string;

  /** Position after which to begin; now by default. `Last-Event-ID` outdoes it. */
  @IsOptional()
  @IsString()
  @MaxLength(40)
  after?: string;

  /** The organization that a platform admin listens for; the own one by default. */
  @IsOptional()
  @IsId()
  organizationId?: string;
}

const allTypes = serviceNames.flatMap((service) => topology[service].types);

/** The types that a filter names, null for all; raises 400 for one that nobody publishes. */
export function typesOf(filter: string | undefined): readonly string[] | null {
  if (filter === undefined) return null;
  const items = filter.split(',').map((item) => item.trim());
  if (items.length > itemLimit) throw invalid('?types', `types may name ${itemLimit} types at most`);
  return [...new Set(items.flatMap(typesNamed))];
}

function typesNamed(item: string): string[] {
  const prefix = item.endsWith('.*') ? item.slice(0, -1) : undefined;
  const named = allTypes.filter((type) => (prefix === undefined ? type === item : type.startsWith(prefix)));
  if (named.length === 0) throw invalid('?types', `'${item}' is no type of event, nor a prefix such as 'license.*'`);
  return named;
}
