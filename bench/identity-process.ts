import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestStack } from '#common/testing/index';
import { freePort } from '#stack/ports';

/** identity in a process of its own, as it is started in earnest, without limits: all of a benchmark comes from one client. */
export class IdentityProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  static async start(stack: TestStack, extra: NodeJS.ProcessEnv = {}): Promise<IdentityProcess> {
    const port = await freePort();
    const environment = await stack.environment('identity', {
      SECRETS_KEY: `bench:${randomBytes(32).toString('base64')}`,
      AUTH_AUTOCONFIRM: 'true',
      SERVICE_PORT: String(port),
      LOG_LEVEL: 'error',
      RATE_LIMIT_SIGN_IN: '999999/999999',
      ...extra,
    });
    const child = fork(join('dist', 'services', 'identity', 'src', 'main.js'), {
      env: { PATH: process.env['PATH'], ...environment },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const isLive = async () => (await fetch(`http://127.0.0.1:${port}/health/live`)).ok;
    while (!(await isLive().catch(() => false))) {
      if (child.exitCode !== null) throw new Error(`identity has ended: ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return new IdentityProcess(child, port);
  }

  get pid(): number {
    return this.child.pid!;
  }

  async stop(): Promise<void> {
    this.child.kill();
    await once(this.child, 'exit');
  }

  async post(path: string, body: object): Promise<Response> {
    const answer = await fetch(`http://127.0.0.1:${this.port}/auth/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return answer;
  }

  /** Resident MiB, as the kernel counts them. */
  residentMebibytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1_024;
  }
}
