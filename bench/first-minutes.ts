import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StackFile } from '../test/local-stack.js';
import { report } from './report.js';

/** What a newcomer waits for: a fresh clone, `npm ci && npm start`, a second start; and what the idle stack weighs. */
const folder = mkdtempSync(join(tmpdir(), 'clarity-clone-'));
const [gatewayPort, postgresPort, natsPort, mailPort, smtpPort] = [43_000, 43_432, 43_222, 43_025, 43_026];
const environment = {
  ...process.env,
  GATEWAY_PORT: String(gatewayPort),
  POSTGRES_PORT: String(postgresPort),
  NATS_PORT: String(natsPort),
  MAIL_PORT: String(mailPort),
  MAIL_SMTP_PORT: String(smtpPort),
};

const secondsSince = (begun: number) => Math.round((performance.now() - begun) / 100) / 10;

async function isReady(): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${gatewayPort}/health/ready`)).ok;
  } catch {
    return false;
  }
}

async function start(): Promise<{ ready: number; stop: () => Promise<void> }> {
  const begun = performance.now();
  const child = spawn('npm', ['start'], { cwd: folder, env: environment, stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new Error('npm start has ended');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  return { ready: secondsSince(begun), stop };
}

/** Resident megabytes of each process, as the kernel counts them. */
function residentMegabytes(): Record<string, number> {
  const { processes } = JSON.parse(readFileSync(join(folder, '.clarity', 'stack.json'), 'utf8')) as StackFile;
  return Object.fromEntries(
    processes.map(({ name, pid }) => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return [name, Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024)];
    }),
  );
}

try {
  execFileSync('git', ['clone', '--quiet', process.cwd(), folder]);
  const begun = performance.now();
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'ignore' });
  const install = secondsSince(begun);
  const first = await start();
  await new Promise((resolve) => setTimeout(resolve, 30_000));
  const resident = residentMegabytes();
  await first.stop();
  const second = await start();
  await second.stop();
  const services = ['gateway', 'identity', 'licensing', 'crm', 'conversations'];
  report('first-minutes', {
    unit: 'seconds; resident megabytes after 30 s of idling',
    npmCi: install,
    firstStart: first.ready,
    npmCiAndFirstStart: Math.round((install + first.ready) * 10) / 10,
    secondStart: second.ready,
    resident,
    fiveServices: services.reduce((sum, name) => sum + (resident[name] ?? 0), 0),
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
