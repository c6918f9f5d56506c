import { isUUID } from 'class-validator';
import { digestSubject, type ServiceName, snapshotSubject } from '../contracts/topology.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import type { Broker } from '../events/broker.js';
import { invalid, notFound } from '../http/problem.js';
import { digestBuckets, digestStatement, type OfferedThing, pageStatement } from './offer-statements.js';
import type { Bucket, Digest, DigestQuestion, Page, PageQuestion } from './protocol.js';

/** The owner's side of copies: answers subscribers with pages and digests of the things that it offers. */
export class Offers {
  private readonly things = new Map<string, OfferedThing>();

  constructor(
    service: ServiceName,
    private readonly system: SystemUnitOfWork,
    broker: Broker,
  ) {
    broker.answer(snapshotSubject(service), (question) => this.page(question));
    broker.answer(digestSubject(service), (question) => this.digest(question));
  }

  offer(...things: readonly OfferedThing[]): void {
    for (const thing of things) this.things.set(thing.name, thing);
  }

  private async page(question: unknown): Promise<Page> {
    const { thing, fields } = this.read(question);
    const { from, before } = question as PageQuestion;
    const statement = pageStatement(thing, { thing: thing.name, fields, from: keyOf(from), before: keyOf(before) });
    const [page] = await this.system.read<Page & Record<string, unknown>>(statement);
    return page!;
  }

  private async digest(question: unknown): Promise<Digest> {
    const { thing, fields } = this.read(question);
    const { from } = question as DigestQuestion;
    const statement = digestStatement(thing, { thing: thing.name, fields, from: keyOf(from) });
    const [row] = await this.system.read<{ epoch: number; buckets: Bucket[] }>(statement);
    return cutDigest(row!);
  }

  /** Only names that are offered get into SQL. */
  private read(question: unknown): { thing: OfferedThing; fields: readonly string[] } {
    const { thing: name, fields } = (question ?? {}) as Partial<PageQuestion>;
    const thing = this.things.get(String(name));
    if (!thing) throw notFound('thing');
    const known = Array.isArray(fields) && fields.every((field) => Object.hasOwn(thing.fields, String(field)));
    if (!known) throw invalid('/fields', 'fields must name fields of the thing');
    return { thing, fields };
  }
}

export function cutDigest({ epoch, buckets }: { epoch: number; buckets: readonly Bucket[] }): Digest {
  return { epoch, buckets: buckets.slice(0, digestBuckets), next: buckets[digestBuckets]?.from ?? null };
}

function keyOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (!isUUID(value, 'loose')) throw invalid('/from', 'a range is between UUIDs');
  return value as string;
}
