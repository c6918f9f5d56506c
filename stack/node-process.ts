import { Daemon } from './daemon.js';
import { lastLines, setAside } from './log-file.js';
import { loopback } from './ports.js';
import type { StopSteps } from './processes.js';
import { StackError } from './stack-error.js';
import type { Part, Running } from './supervisor.js';
import { until } from './wait.js';

const readyTimeout = 90_000;

/** A service drains its requests and handlers within the first step. */
const stopSteps: StopSteps = [
  ['SIGTERM', 16_000],
  ['SIGKILL', 2_000],
];

export interface NodeProcessOptions {
  readonly name: string;
  /** When it is stopped: see Part. */
  readonly stage: number;
  /** Path of the compiled entry point. */
  readonly entry: string;
  readonly env: NodeJS.ProcessEnv;
  /** Ready is who answers 200 to GET /health/ready here; without a port, who sends the first IPC message. */
  readonly port?: number;
  readonly log: string;
  /** Told apart from other installations by this folder, which is the last argument of each of our processes. */
  readonly dataFolder: string;
}

/** The last argument of every process of an installation. */
export const argumentOf = (dataFolder: string): string => `--stack=${dataFolder}`;

/** One of our own processes as a part for the supervisor. */
export function nodeProcess(options: NodeProcessOptions): Part {
  setAside(options.log);
  return { name: options.name, stage: options.stage, start: (signal) => startNodeProcess(options, signal) };
}

async function startNodeProcess(options: NodeProcessOptions, signal: AbortSignal): Promise<Running> {
  const { name, port, log } = options;
  const daemon = spawnNode(options);
  const isReady = port === undefined ? () => daemon.hasSpoken : () => answersReady(port);
  const settled = await until(
    async () => signal.aborted || daemon.ended !== undefined || (await isReady()),
    readyTimeout,
    50,
  );
  if (settled && !signal.aborted && daemon.ended === undefined) {
    return { pid: daemon.pid, port, exited: daemon.exited, stop: () => daemon.stop(stopSteps) };
  }
  const why = daemon.ended === undefined ? `was not ready in ${readyTimeout / 1_000} s` : `ended (${daemon.ended})`;
  await daemon.stop(stopSteps);
  throw new StackError(`${name} ${why}: see ${log}`, lastLines(log, 20));
}

/** Runs a one-shot process to its end. */
export async function runNodeProcess(options: Omit<NodeProcessOptions, 'stage' | 'port'>): Promise<void> {
  setAside(options.log);
  const daemon = spawnNode(options);
  const reason = await daemon.exited;
  if (reason !== 'code 0') {
    throw new StackError(`${options.name} failed (${reason}): see ${options.log}`, lastLines(options.log, 20));
  }
}

const spawnNode = ({ entry, env, log, dataFolder }: Omit<NodeProcessOptions, 'stage'>): Daemon =>
  Daemon.start({
    command: process.execPath,
    args: [entry, argumentOf(dataFolder)],
    env,
    cwd: process.cwd(),
    log,
    ipc: true,
  });

async function answersReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://${loopback}:${port}/health/ready`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    return false;
  }
}
