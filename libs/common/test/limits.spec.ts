import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import pg from 'pg';
import { routesOf } from '#common/auth/index';
import { createService } from '#common/bootstrap/index';
import { AdmissionQueue, RequestLimit } from '#common/limits/index';
import {
  eventually,
  type HttpClient,
  IdentityPeer,
  LicensingPeer,
  type PeerMember,
  TestStack,
} from '#common/testing/index';
import { defineNotes, noteSchema } from './house.js';

/** Replicas of a limit in this process, a clock that the test sets, and a NATS that delivers when the test says so. */
class Replicas {
  now = 0;
  readonly limits: RequestLimit[];
  private readonly queues: (() => void)[][];
  isConnected = true;

  constructor(count: number, quota: number) {
    this.limits = Array.from({ length: count }, () => new RequestLimit({ policy: 'test', quota, now: () => this.now }));
    this.queues = this.limits.map(() => []);
    for (const limit of this.limits) {
      limit.replicas = count;
      limit.onDue = (key) => this.tell(limit, key);
    }
  }

  /** Whether the request may pass. */
  take(replica: number, key = 'client'): boolean {
    return this.limits[replica % this.limits.length]!.take(key).left >= 0;
  }

  deliver(replica: number): void {
    this.queues[replica % this.queues.length]!.shift()?.();
  }

  deliverAll(): void {
    while (this.queues.some((queue) => queue.length > 0)) this.queues.forEach((_, replica) => this.deliver(replica));
  }

  private tell(from: RequestLimit, key: string): void {
    const told = this.isConnected ? from.untold(key) : undefined;
    if (!told) return;
    this.limits.forEach((limit, n) =>
      this.queues[n]!.push(() => (limit === from ? limit.confirm(told) : limit.hear(told))),
    );
  }
}

const countOf = (taken: readonly boolean[]): number => taken.filter(Boolean).length;

describe('a limit', () => {
  it('gives back evenly, never more than the quota, whatever the wall clock says', () => {
    const one = new Replicas(1, 60);
    const many = (count: number) => countOf(Array.from({ length: count }, () => one.take(0)));
    expect(many(70)).toBe(60);
    one.now = 10_000;
    expect(many(70)).toBe(10);
    one.now = 3_600_000;
    expect(many(70)).toBe(60);
  });

  it('tells what is left, and when', () => {
    const limit = new RequestLimit({ policy: 'test', quota: 3, now: () => 0 });
    expect(limit.take('a')).toEqual({ policy: 'test', quota: 3, window: 60, left: 2, resetsIn: 20, retryAfter: 0 });
    limit.take('a');
    expect(limit.take('a')).toMatchObject({ left: 0, resetsIn: 60 });
    expect(limit.take('a')).toMatchObject({ left: -1, resetsIn: 60, retryAfter: 20 });
    expect(limit.take('b')).toMatchObject({ left: 2 });
  });

  it('does not fill the memory with ever more clients, nor forget the one that asks the most', () => {
    const limit = new RequestLimit({ policy: 'test', quota: 100, now: () => 0 });
    while (limit.take('greedy').left >= 0);
    for (let n = 0; n < 200_000; n += 1) limit.take(`client ${n}`);
    expect(limit.size).toBeLessThanOrEqual(50_000);
    expect(limit.take('greedy').left).toBeLessThan(0);
  });
});

describe('the sum over replicas', () => {
  it('is the quota, however the requests are spread, while what they tell arrives', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5 }),
        fc.integer({ min: 5, max: 300 }),
        fc.infiniteStream(fc.nat(4)),
        (count, quota, order) => {
          const replicas = new Replicas(count, quota);
          let passed = 0;
          for (let n = 0; n < quota * 3; n += 1) {
            if (replicas.take(order.next().value!)) passed += 1;
            replicas.deliverAll();
          }
          expect(passed).toBeGreaterThanOrEqual(quota - count);
          expect(passed).toBeLessThan(quota + count);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is never more than the quota without NATS', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5 }),
        fc.integer({ min: 50, max: 300 }),
        fc.nat(200),
        (count, quota, before) => {
          const replicas = new Replicas(count, quota);
          let passed = 0;
          for (let n = 0; n < quota * 4; n += 1) {
            if (n === before) replicas.isConnected = false;
            if (replicas.take(n)) passed += 1;
            replicas.deliverAll();
          }
          expect(passed).toBeLessThanOrEqual(quota + count);
          expect(passed).toBeGreaterThanOrEqual(quota - count);
          replicas.now = 60_000;
          const again = countOf(Array.from({ length: quota * 2 }, (_, n) => replicas.take(n)));
          expect(again).toBeGreaterThanOrEqual(quota - count);
          expect(again).toBeLessThanOrEqual(quota + count);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is less than twice the quota when what they tell arrives at any time, or never', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 5 }),
        fc.integer({ min: 20, max: 200 }),
        fc.infiniteStream(fc.nat(9)),
        (count, quota, order) => {
          const replicas = new Replicas(count, quota);
          let passed = 0;
          for (let n = 0; n < quota * 4; n += 1) {
            const turn = order.next().value!;
            if (turn >= 5) replicas.deliver(turn);
            else if (replicas.take(turn)) passed += 1;
          }
          expect(passed).toBeLessThan(2 * quota);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('is known to a replica that comes late from the first word that it hears', () => {
    const replicas = new Replicas(2, 100);
    const [early, late] = replicas.limits as [RequestLimit, RequestLimit];
    early.replicas = 1;
    for (let n = 0; n < 90; n += 1) replicas.take(0);
    early.replicas = 2;
    for (let n = 0; n < 2; n += 1) replicas.take(0);
    replicas.deliverAll();
    expect(late.take('client').left).toBeLessThan(9);
  });
});

describe('the queue before the work', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  /** No work ends before. */
  let stalledUntil = 0;

  /** A request that takes some milliseconds of work, or never ends. */
  class Request {
    readonly arrivedAt = performance.now();
    startedAt = NaN;
    code = '';
    answers = 0;

    constructor(
      private readonly queue: AdmissionQueue,
      private readonly takes: number,
      readonly client = 'client',
    ) {
      queue.enter(this);
    }

    start(): void {
      this.startedAt = performance.now();
      if (this.takes < Infinity) setTimeout(() => this.finish(), this.takes);
    }

    private finish(): void {
      const stall = stalledUntil - performance.now();
      if (stall > 0) setTimeout(() => this.finish(), stall);
      else this.end();
    }

    refuse({ code }: { code: string }): void {
      this.code = code;
      this.end();
    }

    isAnswering(): boolean {
      return false;
    }

    private end(): void {
      this.answers += 1;
      this.queue.leave(this);
    }
  }

  /** What the next one that asks is told. */
  let busy = 0;
  const busyShare = (): number => busy;

  afterEach(() => {
    busy = 0;
    stalledUntil = 0;
  });

  it('waits out a burst', () => {
    const queue = new AdmissionQueue({ atOnce: () => 10, busyShare });
    const requests = Array.from({ length: 150 }, () => new Request(queue, 5));
    jest.advanceTimersByTime(200);
    expect(requests.filter(({ code, answers }) => code !== '' || answers !== 1)).toEqual([]);
    expect([queue.refused, queue.workingCount, queue.waitingCount]).toEqual([0, 0, 0]);
  });

  it('at five times what can be done does all that can be, and lets nobody in who has waited', () => {
    const queue = new AdmissionQueue({ atOnce: () => 10, busyShare });
    const requests: Request[] = [];
    for (let n = 0; n < 3_000; n += 1) {
      for (let one = 0; one < 5; one += 1) requests.push(new Request(queue, 10));
      jest.advanceTimersByTime(1);
    }
    const done = requests.filter(({ startedAt }) => startedAt >= 0);
    expect(done.length).toBeGreaterThan(2_900);
    const late = done.slice(300).map(({ arrivedAt, startedAt }) => startedAt - arrivedAt);
    expect(Math.max(...late)).toBeLessThanOrEqual(110);
    jest.advanceTimersByTime(1_000);
    expect(requests.filter(({ answers }) => answers !== 1)).toEqual([]);
    expect(queue.refused).toBe(requests.length - requests.filter(({ code }) => code === '').length);
    expect(new Request(queue, 1).startedAt).toBe(performance.now());
  });

  it('has no other burst while it was empty for moments only', () => {
    const queue = new AdmissionQueue({ atOnce: () => 10, busyShare });
    const arrivals: Request[] = [];
    for (let n = 0; n < 20; n += 1) {
      for (let one = 0; one < 100; one += 1) arrivals.push(new Request(queue, 10));
      jest.advanceTimersByTime(99);
      expect(queue.waitingCount).toBeLessThanOrEqual(100);
      while (queue.waitingCount > 0) jest.advanceTimersByTime(1);
    }
    const waits = arrivals.slice(200).map(({ arrivedAt, startedAt }) => startedAt - arrivedAt);
    expect(Math.max(...waits.filter((wait) => wait >= 0))).toBeLessThanOrEqual(110);
    jest.advanceTimersByTime(1_000);
    const calm = Array.from({ length: 100 }, () => new Request(queue, 5));
    jest.advanceTimersByTime(100);
    expect(calm.filter(({ code }) => code !== '')).toEqual([]);
  });

  it('refuses none of some dozen clients who ask again as soon as they are answered', () => {
    const queue = new AdmissionQueue({ atOnce: () => 10, busyShare });
    const arrivals: Request[] = [];
    let clients: Request[] = [];
    for (let n = 0; n < 2_000; n += 1) {
      clients = clients.filter(({ answers }) => answers === 0);
      while (clients.length < 50) clients.push(arrivals[arrivals.push(new Request(queue, 10)) - 1]!);
      jest.advanceTimersByTime(1);
    }
    expect(arrivals.length).toBeGreaterThan(1_900);
    expect(queue.refused).toBe(0);
  });

  it.each([
    [60, 10],
    [18, 60],
  ])('refuses none of %i clients for a short standstill of work that takes %i ms', (count, takes) => {
    const queue = new AdmissionQueue({ atOnce: () => 10, isScarce: () => true, timeout: 5_000, busyShare });
    let clients: Request[] = [];
    const ask = (milliseconds: number): void => {
      for (let n = 0; n < milliseconds; n += 1) {
        clients = clients.filter(({ answers }) => answers === 0);
        while (clients.length < count) clients.push(new Request(queue, takes));
        jest.advanceTimersByTime(1);
      }
    };
    for (let stall = 0; stall < 3; stall += 1) {
      ask(1_000);
      stalledUntil = performance.now() + 300;
      ask(1_000);
    }
    expect([queue.refused, queue.workingCount]).toEqual([0, 10]);
    stalledUntil = performance.now() + 60_000;
    ask(700);
    expect(queue.refused).toBeGreaterThan(0);
    expect(queue.workingCount).toBe(10);
  });

  it('lets fewer in while the process has no time, one at least, and all once it has some again', () => {
    const queue = new AdmissionQueue({ atOnce: () => 10, busyShare });
    const ask = (count: number) => Array.from({ length: count }, () => new Request(queue, 20));
    const workingAfter = (milliseconds: number): number => {
      for (let n = 0; n < milliseconds / 10; n += 1) {
        ask(10);
        jest.advanceTimersByTime(10);
      }
      return queue.workingCount;
    };
    expect(workingAfter(500)).toBe(10);
    busy = 1;
    expect(workingAfter(400)).toBeLessThan(5);
    expect(workingAfter(1_000)).toBe(1);
    busy = 0.9;
    expect(workingAfter(2_000)).toBe(10);
  });

  it('sets nobody aside while what all work with is scarce: more at once would only take longer', () => {
    let isScarce = true;
    const queue = new AdmissionQueue({ atOnce: () => 4, timeout: 5_000, isScarce: () => isScarce, busyShare });
    const requests = Array.from({ length: 4 }, (_, n) => new Request(queue, Infinity, `client ${n}`));
    const waiting = new Request(queue, 1);
    jest.advanceTimersByTime(1_000);
    expect([queue.workingCount, waiting.code]).toEqual([4, 'overloaded']);
    const next = new Request(queue, 1);
    isScarce = false;
    jest.advanceTimersByTime(20);
    expect(next.answers).toBe(1);
    isScarce = true;
    jest.advanceTimersByTime(5_000);
    expect(requests.map(({ code }) => code)).toEqual(Array(4).fill('timeout'));
  });

  it('sets aside what takes long, but not for one client alone, and ends what takes too long', () => {
    const queue = new AdmissionQueue({ atOnce: () => 2, timeout: 5_000, busyShare });
    const hung: Request[] = [];
    for (let n = 0; n < 2; n += 1) {
      hung.push(new Request(queue, Infinity, 'greedy'), new Request(queue, Infinity, 'greedy'));
      jest.advanceTimersByTime(1_500);
    }
    expect(new Request(queue, 1, 'greedy').code).toBe('overloaded');
    expect(new Request(queue, 1, 'other').code).toBe('');
    jest.advanceTimersByTime(5_000);
    expect(hung.map(({ code }) => code)).toEqual(Array(4).fill('timeout'));
    expect(new Request(queue, 1, 'greedy').code).toBe('');
    jest.advanceTimersByTime(2_000);
    expect(queue.workingCount).toBe(0);
  });
});

describe('the limit of a caller', () => {
  const quota = 30;
  let stack: TestStack;
  let replicas: HttpClient[];
  let members: PeerMember[];
  let identity: IdentityPeer;

  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.emptyDatabase('crm', noteSchema);
    identity = await IdentityPeer.start(stack);
    await LicensingPeer.start(stack);
    const settings = { IDENTITY_URL: identity.url, REQUEST_LIMIT_PER_CALLER: String(quota) };
    replicas = await Promise.all([1, 2].map(async () => (await stack.service('crm', defineNotes, settings)).http));
    members = await Promise.all(Array.from({ length: 4 }, () => identity.member('member')));
    for (const http of replicas)
      await eventually(async () => expect((await http.get('/health/ready')).body.connected).toBe(true));
  });

  afterAll(() => stack.stop());

  const path = '/v1/notes/mine';
  const ask = ({ token }: PeerMember, n = 0) => replicas[n % replicas.length]!.as(token).get(path);

  it('is told on every route that knows who asks, and on no other', async () => {
    const { headers } = await ask(members[0]!);
    expect(headers.get('ratelimit-policy')).toBe('"caller";q=30;w=60');
    expect(headers.get('ratelimit')).toMatch(/^"caller";r=2\d;t=\d$/);
    for (const open of ['/health/live', '/metrics'])
      expect((await replicas[0]!.get(open)).headers.get('ratelimit')).toBeNull();
    const { app } = await createService(
      defineNotes(await stack.environment('crm', { IDENTITY_URL: 'http://127.0.0.1' })),
    );
    const limits = new Map(routesOf(app).map((route) => [route.path, route.limits]));
    expect([limits.get(path), limits.get('/health/live')]).toEqual([['caller'], []]);
  });

  it('holds over replicas, and is each caller’s own', async () => {
    await eventually(async () => {
      const member = members.pop()!;
      for (let n = 0; n < quota; n += 1) await ask(member);
      expect((await ask(member, 1)).status).toBe(429);
    });
    const [member] = members;
    const answers = await Promise.all(Array.from({ length: 4 * quota }, (_, n) => ask(member!, n)));
    const passed = answers.filter(({ status }) => status === 200).length;
    expect(passed).toBeGreaterThanOrEqual(quota - 3);
    expect(passed).toBeLessThanOrEqual(quota * 1.2 + 10);
    const { body, headers } = answers.find(({ status }) => status === 429)!;
    expect([body.code, headers.get('ratelimit')]).toEqual([
      'rate_limited',
      expect.stringMatching(/^"caller";r=0;t=\d+$/),
    ]);
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });

  it('stands beside a queue that refuses what is too much, and a bound on time', async () => {
    const [member] = members;
    const settings = { IDENTITY_URL: identity.url, REQUESTS_AT_ONCE: '1', REQUEST_TIMEOUT: '1' };
    const { http } = await stack.service('crm', defineNotes, settings);
    await eventually(async () => expect((await http.as(member!.token).get(path)).status).toBe(200));
    const locker = new pg.Client({ connectionString: (await stack.database('crm')).owner });
    await locker.connect();
    await locker.query('BEGIN; LOCK TABLE note');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => http.as(member!.token).get('/v1/notes')).concat(http.get('/health/live')),
    );
    expect(answers.at(-1)!.status).toBe(200);
    const codes = answers
      .slice(0, -1)
      .map(({ status, body, headers }) => `${status} ${body.code} ${headers.get('retry-after')}`);
    expect(new Set(codes)).toEqual(new Set(['503 timeout 1', '503 overloaded 1']));
    await locker.query('ROLLBACK');
    await locker.end();
    await eventually(async () => expect((await http.as(member!.token).get('/v1/notes')).status).toBe(200));
    expect((await http.get('/metrics')).body).toMatch(/clarity_requests_overloaded_total\S* [1-9]/);
  });

  it('leaves the queue in peace while the database stands still for a moment', async () => {
    const { token } = members[0]!;
    const settings = { IDENTITY_URL: identity.url, REQUESTS_AT_ONCE: '4' };
    const { http } = await stack.service('crm', defineNotes, settings);
    const notes = http.as(token);
    await eventually(async () => expect((await notes.get(path)).status).toBe(200));
    // A process that has just begun takes longer for a burst than the queue waits.
    for (let n = 0; n < 50; n += 1) await Promise.all(Array.from({ length: 4 }, () => notes.get('/v1/notes')));
    const locker = new pg.Client({ connectionString: (await stack.database('crm')).owner });
    await locker.connect();
    const answers = new Map<string, number>();
    const until = performance.now() + 2_500;
    const client = async (): Promise<void> => {
      while (performance.now() < until) {
        const { status, body } = await notes.get('/v1/notes');
        const answer = status === 200 ? '200' : `${status} ${body.code}`;
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    };
    // Two of them always wait, which a busy machine lets in soon as well.
    const clients = Array.from({ length: 6 }, client);
    for (let n = 0; n < 3; n += 1) {
      await delay(400);
      await locker.query('BEGIN; LOCK TABLE note');
      await delay(300);
      await locker.query('ROLLBACK');
    }
    await Promise.all(clients);
    await locker.end();
    expect([...answers.keys()]).toEqual(['200']);
    expect(answers.get('200')).toBeGreaterThan(50);
  });
});
