import type { IncomingHttpHeaders } from 'node:http';
import { type EntityTags, entityTagOf, entityTagsIn, matchesStrongly, matchesWeakly } from './entity-tags.js';
import { invalid, Problem } from './problem.js';

const preconditionFailed = (detail: string): Problem => new Problem(412, 'precondition_failed', detail);

function tagsOf(name: string, value: string | undefined): EntityTags | undefined {
  if (value === undefined) return undefined;
  const tags = entityTagsIn(value);
  if (tags) return tags;
  throw invalid(name, `${name} must be * or entity tags between quotes, as answers carry them in ETag.`);
}

/** What a request to write demands of the resource as it is (RFC 9110 §13.1). */
export class Preconditions {
  private constructor(
    private readonly ifMatch: EntityTags | undefined,
    private readonly ifNoneMatch: EntityTags | undefined,
  ) {}

  /** Undefined for a request that demands nothing; raises 400 for what cannot be read. */
  static of(headers: IncomingHttpHeaders): Preconditions | undefined {
    const ifMatch = tagsOf('If-Match', headers['if-match']);
    const ifNoneMatch = tagsOf('If-None-Match', headers['if-none-match']);
    return ifMatch || ifNoneMatch ? new Preconditions(ifMatch, ifNoneMatch) : undefined;
  }

  /**
   * Raises 412 unless the resource is as demanded.
   * @param current what the caller would be shown of it, null for a resource that there is not
   */
  require(current: object | string | null): void {
    const tag = current === null ? null : entityTagOf(current);
    const { ifMatch, ifNoneMatch } = this;
    if (ifMatch && (tag === null || !matchesStrongly(ifMatch, tag)))
      throw preconditionFailed('The resource is not, or no longer, what If-Match names.');
    if (ifNoneMatch && tag !== null && matchesWeakly(ifNoneMatch, tag))
      throw preconditionFailed('The resource is what If-None-Match names.');
  }
}
