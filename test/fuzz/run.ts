import { Agent } from 'node:http';
import { Random } from '../chaos/random.js';
import { Contract } from '../contract/contract.js';
import type { Answered } from '../walls/asking.js';
import { type Administrator, Cast } from './cast.js';
import { type FuzzRequest, Requests } from './requests.js';
import { curlOf, send } from './send.js';

export interface FuzzOptions {
  readonly url: string;
  readonly administrator: Administrator;
  readonly seed: number;
  readonly requests: number;
  /** Requests under way at once. */
  readonly workers?: number;
  /** Called after each, with how many there were. */
  readonly progress?: (sent: number) => void | Promise<void>;
}

export interface Finding {
  readonly fault: string;
  readonly curl: string;
  readonly changes: readonly string[];
}

export interface FuzzOutcome {
  readonly sent: number;
  readonly statuses: Readonly<Record<number, number>>;
  /** Operations that were answered without a failure at least once. */
  readonly succeeded: number;
  readonly operations: number;
  readonly slowestMs: number;
  readonly findings: readonly Finding[];
}

/** Requests after which everybody is somebody new, and refusals of good tokens after which it is time sooner. */
const castLasts = 4_000;
const deadTokens = 25;

const findingLimit = 50;

/** Bytes of method, target and headers that Node reads; behind more than that it does not look for a body, and closes. */
const headLimit = 16 * 1_024;

/** Whether a request has a head that is too long and was still being sent when that was answered. */
const isCutOff = ({ target, headers }: FuzzRequest, { code }: NodeJS.ErrnoException): boolean =>
  (code === 'EPIPE' || code === 'ECONNRESET') && target.length + headers.join('').length > headLimit - 1_024;

class Fuzz {
  private readonly contract = new Contract();
  private readonly requests: Requests;
  private readonly agent = new Agent({ keepAlive: true });
  private readonly statuses: Record<number, number> = {};
  private readonly succeeded = new Set<string>();
  private readonly findings = new Map<string, Finding>();
  private cast!: Promise<Cast>;
  private sent = 0;
  private answered = 0;
  private slowestMs = 0;
  private castAge = 0;
  private refused = 0;

  constructor(private readonly options: FuzzOptions) {
    this.requests = new Requests(this.contract, options.seed);
  }

  async run(): Promise<FuzzOutcome> {
    const { workers = 16 } = this.options;
    this.renew();
    await Promise.all(Array.from({ length: workers }, () => this.work()));
    this.agent.destroy();
    const { sent, statuses, slowestMs } = this;
    return {
      sent,
      statuses,
      slowestMs,
      succeeded: this.succeeded.size,
      operations: this.contract.operations().length,
      findings: [...this.findings.values()],
    };
  }

  private renew(): void {
    this.castAge = this.refused = 0;
    this.cast = Cast.make(this.options.url, this.options.administrator);
  }

  private async work(): Promise<void> {
    const { seed, requests, progress } = this.options;
    while (this.sent < requests && this.findings.size < findingLimit) {
      const random = new Random(seed + this.sent * 7_919);
      this.sent += 1;
      if ((this.castAge += 1) > castLasts || this.refused > deadTokens) this.renew();
      const cast = await this.cast;
      const request = this.requests.next(random, cast);
      const begun = performance.now();
      try {
        const answer = await send(this.options.url, this.agent, request);
        this.learn(request, answer, cast);
        this.judge(request, answer);
      } catch (error) {
        if (!isCutOff(request, error as NodeJS.ErrnoException))
          this.tell(`no answer: ${(error as Error).message}`, request);
      }
      this.slowestMs = Math.max(this.slowestMs, Math.round(performance.now() - begun));
      await progress?.((this.answered += 1));
    }
  }

  /** Rows that were made are asked for later. */
  private learn({ route, target, changes, role }: FuzzRequest, { status, text }: Answered, cast: Cast): void {
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    if (status < 400) this.succeeded.add(route);
    if (changes.length === 0 && role !== 'none' && /session_revoked|session_not_found/.test(text)) this.refused += 1;
    const [list, id, parent] = target.split('?')[0]!.split('/').toReversed();
    if (status !== 201 || !text.startsWith('{"id"')) return;
    cast.note(list!, { id: (JSON.parse(text) as { id: string }).id, ...(parent && id && { parent: id }) });
  }

  private judge(request: FuzzRequest, answer: Answered): void {
    const { status } = answer;
    if (status >= 500) this.tell(`${request.route} answered ${status}: ${answer.text.slice(0, 300)}`, request);
    const faults = request.isOfRoute
      ? this.contract.faultsOf(request.route, answer)
      : this.contract.faultsOfStray(request.method, answer);
    for (const fault of faults) this.tell(fault, request);
  }

  /** Once for each sort of fault: what differs from one request to the next is left out. */
  private tell(fault: string, request: FuzzRequest): void {
    const sort = fault.replaceAll(/[0-9a-f]{8,}|\d+/g, '*').slice(0, 120);
    if (this.findings.has(sort)) return;
    this.findings.set(sort, { fault, curl: curlOf(this.options.url, request), changes: request.changes });
  }
}

/** Sends requests, valid and broken ones, as everybody to every route, and finds what is no documented answer. */
export const fuzz = (options: FuzzOptions): Promise<FuzzOutcome> => new Fuzz(options).run();
