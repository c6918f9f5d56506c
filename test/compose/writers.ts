import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, EventStream, type HttpClient } from '#common/testing/index';
import { signUp } from '../journey-place.js';
import type { Project } from './project.js';

/** Those who write at the same time, and milliseconds between two writes of one of them. */
const writers = 4;
const pause = 10;

interface Listed {
  readonly id: string;
  readonly lastName: string;
}

/** An organization whose members write customers without end, and keep books of what was accepted. */
export class Writers {
  /** Name → id of each customer that was accepted. */
  readonly accepted = new Map<string, string>();
  /** Answers that were no acceptance, by status; 0 where there was none. */
  readonly refused: Record<number, number> = {};
  /** Milliseconds between two acceptances, at most, since this was last set to 0. */
  longestGap = 0;
  private last = performance.now();
  private readonly names = new Set<string>();
  private readonly work: Promise<void>[] = [];
  private isStopped = false;

  private constructor(
    private readonly http: HttpClient,
    private readonly organizationId: string,
    private readonly feed: EventStream,
  ) {}

  static async create(project: Project): Promise<Writers> {
    const { token } = await signUp(project, `writer-${randomUUID()}@example.com`);
    const http = project.gateway.as(token);
    const { status, body } = await http.post('/v1/organizations', { name: 'Writers' });
    assert.equal(status, 201);
    const feed = await EventStream.open(project.gateway.url, '/v1/events?types=customer.created', token);
    assert.equal(feed.status, 200);
    return new Writers(http, body.id as string, feed);
  }

  /** Writes for as long as the work takes. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.start();
    try {
      return await work();
    } finally {
      this.isStopped = true;
      await Promise.all(this.work.splice(0));
    }
  }

  private start(): void {
    this.isStopped = false;
    this.longestGap = 0;
    this.last = performance.now();
    for (let n = 0; n < writers; n += 1) this.work.push(this.write());
  }

  /** Resolves once so many more have been accepted. */
  async accept(more: number): Promise<void> {
    const wanted = this.accepted.size + more;
    await eventually(() => assert(this.accepted.size >= wanted, 'nothing more is accepted'), 60_000);
  }

  close(): void {
    this.feed.close();
  }

  /** Holds the books against what there is: each accepted write once, one event of it, and its one trace in the audit log. */
  async reconcile() {
    const customers = await this.list<Listed>('/v1/customers?limit=200');
    const byName = new Map(customers.map(({ lastName, id }) => [lastName, id]));
    const lost = [...this.accepted].filter(([name, id]) => byName.get(name) !== id).length;
    const twice = customers.length - byName.size;
    const unasked = [...byName.keys()].filter((name) => !this.names.has(name)).length;
    assert.deepEqual({ lost, twice, unasked }, { lost: 0, twice: 0, unasked: 0 });
    const ids = [...byName.values()].sort();
    const told = () =>
      this.feed.of<{ data: { customerId: string } }>('customer.created').map(({ data }) => data.customerId);
    await eventually(() => assert.deepEqual(told().sort(), ids), 60_000);
    await eventually(async () => {
      const path = `/v1/organizations/${this.organizationId}/audit-log?type=customer.created&limit=200`;
      const entries = await this.list<{ targetId: string }>(path);
      assert.deepEqual(entries.map(({ targetId }) => targetId).sort(), ids);
    }, 60_000);
    return { accepted: this.accepted.size, there: ids.length, refused: { ...this.refused }, lost, twice };
  }

  private async write(): Promise<void> {
    while (!this.isStopped) {
      const lastName = randomUUID();
      this.names.add(lastName);
      const { status, body, headers } = await this.http
        .post('/v1/customers', { firstName: 'Someone', lastName })
        .catch(() => ({ status: 0, body: undefined, headers: new Headers() }));
      if (status === 201) this.book(lastName, body.id as string);
      else this.refused[status] = (this.refused[status] ?? 0) + 1;
      await delay(status === 201 ? pause : Math.min(1_000, 100 + 1_000 * Number(headers.get('retry-after') ?? 0)));
    }
  }

  private book(name: string, id: string): void {
    this.accepted.set(name, id);
    const now = performance.now();
    this.longestGap = Math.max(this.longestGap, Math.round(now - this.last));
    this.last = now;
  }

  private async list<Row>(path: string): Promise<Row[]> {
    const rows: Row[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { status, body } = await this.http.get(`${path}${cursor && `&cursor=${cursor}`}`);
      assert.equal(status, 200);
      rows.push(...(body.data as Row[]));
      cursor = body.page.nextCursor as string | null;
    }
    return rows;
  }
}
