import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceName } from '#common/contracts/topology';
import { Cluster } from './cluster.js';
import { CopyChecker } from './copies.js';
import { Findings } from './findings.js';
import { History, type Recorded } from './history.js';
import { Load } from './load.js';
import { LogChecker } from './logs.js';
import { Nemesis } from './nemesis.js';
import { Outsider } from './outsider.js';
import { type Fault, type Kind, planFaults } from './plan.js';
import { Observer } from './state.js';
import { WriteChecker } from './writes.js';

/** Milliseconds after the last fault within which everything has to be well, and for which it is waited at most. */
export const healWithin = 30_000;
const patience = 60_000;

export interface ChaosOptions {
  readonly seed: number;
  /** Milliseconds of faults and load. */
  readonly during: number;
  readonly pauses: readonly [number, number];
  readonly longestFreeze: number;
  readonly without?: readonly Kind[];
  /** Folder of the compiled code. */
  readonly dist: string;
  /** Where the history is kept when the run is over. */
  readonly keepHistory?: string;
  /** Folder that the logs of all processes are copied to when the run is over. */
  readonly keepLogs?: string;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Outcome {
  readonly findings: Findings;
  readonly faults: Readonly<Partial<Record<Kind, number>>>;
  readonly requests: { readonly done: number; readonly refused: number; readonly unknown: number };
  readonly events: number;
  readonly heard: number;
  readonly messages: number;
  /** Milliseconds from the end of the last fault until nothing was wrong; undefined when something stayed wrong. */
  readonly healedAfter: number | undefined;
  readonly unsettled: readonly string[];
}

/** Runs the whole system under load while the plan's faults happen, waits until it is well, and checks everything. */
export async function runChaos(options: ChaosOptions): Promise<Outcome> {
  const { log, signal } = options;
  const plan = planFaults(options);
  log(`seed ${options.seed}: ${plan.length} faults in ${options.during / 1_000} s`);
  const cluster = await Cluster.start({ dist: options.dist, log });
  const history = new History(join(cluster.folder, 'history.jsonl'));
  const outsider = new Outsider(cluster);
  try {
    outsider.start();
    const nemesis = await attack(cluster, history, plan, options);
    log('the last fault has ended');
    const outcome = await heal(cluster, history, outsider, nemesis, signal);
    return outcome;
  } finally {
    await outsider.stop();
    history.close();
    if (options.keepHistory !== undefined) await copyFile(history.path, options.keepHistory);
    if (options.keepLogs !== undefined) await cluster.copyLogs(options.keepLogs);
    await cluster.stop();
  }
}

async function attack(
  cluster: Cluster,
  history: History,
  plan: readonly Fault[],
  { seed, log, signal }: ChaosOptions,
): Promise<Nemesis> {
  const load = new Load(cluster, history, seed);
  const nemesis = new Nemesis(cluster, history, log);
  history.write({ kind: 'mark', text: `the load begins, seed ${seed}` });
  load.start();
  try {
    // Something to break first.
    await delay(3_000);
    await nemesis.run(plan, signal);
  } finally {
    await load.stop();
  }
  return nemesis;
}

async function heal(
  cluster: Cluster,
  history: History,
  outsider: Outsider,
  nemesis: Nemesis,
  signal: AbortSignal,
): Promise<Outcome> {
  const faults = History.read(history.path).filter((entry) => entry.kind === 'fault');
  const lastFault = Math.max(...faults.map(({ at }) => at), 0);
  const observer = new Observer(cluster);
  for (;;) {
    const late = history.now() - lastFault > patience || signal.aborted;
    const unsettled = await unsettledIn(cluster, observer);
    if (unsettled.length === 0 || late) {
      const at = history.now();
      const outcome = await examine(observer, history, outsider, nemesis);
      if (late || outcome.findings.total === 0) {
        const healed = unsettled.length === 0 && outcome.findings.total === 0;
        return { ...outcome, unsettled, healedAfter: healed ? Math.max(at - lastFault, 0) : undefined };
      }
    }
    await delay(500);
  }
}

async function unsettledIn(cluster: Cluster, observer: Observer): Promise<string[]> {
  if (!(await cluster.isReady())) return ['a replica is not ready'];
  return observer.unsettled().catch((error: unknown) => [`PostgreSQL: ${String(error)}`]);
}

async function examine(
  observer: Observer,
  history: History,
  outsider: Outsider,
  nemesis: Nemesis,
): Promise<Omit<Outcome, 'healedAfter' | 'unsettled'>> {
  const findings = new Findings();
  const entries = History.read(history.path);
  const state = await observer.state();
  const writes = new WriteChecker(entries, state, findings);
  writes.check();
  new LogChecker(state, findings, servicesPutBack(entries)).check(outsider.heard);
  new CopyChecker(state, findings, writes.undone()).check();
  return {
    findings,
    faults: nemesis.done,
    requests: writes.counts,
    events: Object.values(state.logs).reduce((sum, log) => sum + log.length, 0),
    heard: Object.values(outsider.heard).reduce((sum, heard) => sum + heard.size, 0),
    messages: outsider.messages,
  };
}

const servicesPutBack = (entries: readonly Recorded[]): Set<ServiceName> =>
  new Set(entries.filter((entry) => entry.kind === 'rollback').map(({ service }) => service));
