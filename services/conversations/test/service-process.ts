import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually, HttpClient } from '#common/testing/index';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

const main = resolve('dist', 'services', 'conversations', 'src', 'main.js');

/** The service as it runs in production: a process of its own, started by its environment alone. */
export class ServiceProcess {
  /** What it has logged; a line that is no JSON is an error of its own. */
  readonly lines: Line[] = [];
  /** Exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  private readonly child: ChildProcess;
  private static readonly running = new Set<ServiceProcess>();

  constructor(environment: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, [main], {
      env: { PATH: process.env['PATH'], ...environment, LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface(this.child.stdout!).on('line', (line) => this.lines.push(JSON.parse(line) as Line));
    ServiceProcess.running.add(this);
    this.exited = new Promise((settle) =>
      this.child.once('exit', (code, signal) => {
        ServiceProcess.running.delete(this);
        settle(code ?? signal!);
      }),
    );
  }

  /** Ends what a failed test has left behind. */
  static async killAll(): Promise<void> {
    for (const process of this.running) process.signal('SIGKILL');
    await Promise.all([...this.running].map(({ exited }) => exited));
  }

  said(text: string): boolean {
    return this.lines.some(({ msg }) => msg.includes(text));
  }

  /** Waits until it listens; on a busy machine Node.js takes its time to load it. */
  http(): Promise<HttpClient> {
    return eventually(() => {
      const line = this.lines.find(({ msg }) => msg === 'listening');
      if (!line) throw new Error('the service does not listen');
      return new HttpClient(line['url'] as string);
    }, 60_000);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}
