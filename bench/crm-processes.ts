import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from '#stack/ports';
import type { Target } from './load.js';

const children: ChildProcess[] = [];

/** A process of this benchmark, with these settings and no others. */
export function start(file: string, environment: NodeJS.ProcessEnv): ChildProcess {
  const child = fork(join('dist', file), {
    env: { PATH: process.env['PATH'], ...environment },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  return child;
}

async function until(isReady: () => Promise<boolean>): Promise<void> {
  while (!(await isReady().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 100));
}

export async function startCrm(environment: NodeJS.ProcessEnv): Promise<Target> {
  const port = await freePort();
  const child = start('services/crm/src/main.js', { ...environment, SERVICE_PORT: String(port) });
  await until(async () => {
    const readiness = await (await fetch(`http://127.0.0.1:${port}/health/ready`)).json();
    return (readiness as { status: string }).status === 'ok';
  });
  return { name: 'crm', port, pid: child.pid! };
}

/** A gateway that lets one client ask as often as a benchmark does. */
export async function startGateway(crm: Target, identityUrl: string): Promise<Target> {
  const port = await freePort();
  const crmUrl = `http://127.0.0.1:${crm.port}`;
  const child = start('services/gateway/src/main.js', {
    SERVICE_PORT: String(port),
    IDENTITY_URL: identityUrl,
    LICENSING_URL: crmUrl,
    CRM_URL: crmUrl,
    CONVERSATIONS_URL: crmUrl,
    REQUEST_LIMIT_PER_ADDRESS: '1000000000',
  });
  await until(async () => (await fetch(`http://127.0.0.1:${port}/health/live`)).ok);
  return { name: 'gateway', port, pid: child.pid! };
}

export async function stopAll(): Promise<void> {
  await Promise.all(children.map((child) => child.kill() && once(child, 'exit')));
}
