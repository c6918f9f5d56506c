import { setTimeout as delay } from 'node:timers/promises';
import { Client, type Reply } from './client.js';
import { type Cluster, operator } from './cluster.js';
import type { History } from './history.js';
import { Random } from './random.js';
import { type Member, Tenant } from './tenant.js';

const tenants = 4;
/** Requests in a second, all workers together, when nothing hinders them. */
const rate = 24;

/** What is sent, and how often beside the others. */
const weights = {
  createCustomer: 20,
  changeCustomer: 26,
  deleteCustomer: 6,
  linkUser: 6,
  unlinkUser: 4,
  createConversation: 7,
  retitleConversation: 6,
  deleteConversation: 2,
  writeMessage: 12,
  preference: 10,
  rename: 4,
  renew: 5,
  suspend: 4,
  invite: 3,
  changeRole: 3,
  deleteMember: 1.5,
  deleteOrganization: 0.8,
} as const;

/** A mixed load of tenants, two users at work in each at the same time. */
export class Load {
  sent = 0;
  private stopped = false;
  private readonly workers: Promise<void>[] = [];
  private adminToken: string | undefined;

  constructor(
    private readonly cluster: Cluster,
    private readonly history: History,
    private readonly seed: number,
  ) {}

  start(): void {
    for (let index = 0; index < tenants; index += 1) {
      const random = new Random(this.seed + 1_000 * (index + 1));
      const tenant = new Tenant(`t${index}`, new Client(this.cluster, this.history, random), random, () =>
        this.admin(),
      );
      for (const worker of [0, 1]) this.workers.push(this.work(tenant, worker, random));
    }
  }

  /** Resolves when no request is under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.workers);
  }

  private async work(tenant: Tenant, worker: number, random: Random): Promise<void> {
    const pause = (1_000 * tenants * 2) / rate;
    while (!this.stopped) {
      const begun = performance.now();
      try {
        await this.step(tenant, worker, random);
      } catch (error) {
        this.history.fault('the load', 'note', error instanceof Error ? error.stack : String(error));
      }
      const rest = begun + pause * random.between(0.5, 1.5) - performance.now();
      await delay(Math.max(rest, 5));
    }
  }

  private async step(tenant: Tenant, worker: number, random: Random): Promise<void> {
    if (worker === 0) await tenant.settle();
    const member = tenant.worker(worker);
    if (!member) return;
    this.sent += 1;
    const action = random.weighted(weights);
    await tenant[action](member as Member);
  }

  private async admin(): Promise<string | undefined> {
    if (this.adminToken !== undefined) return this.adminToken;
    const client = new Client(this.cluster, this.history, new Random(this.seed));
    const reply: Reply = await client.send({
      service: 'identity',
      method: 'POST',
      path: '/auth/v1/token?grant_type=password',
      body: operator,
    });
    if (reply.outcome === 'done') this.adminToken = reply.body.access_token as string;
    return this.adminToken;
  }
}
