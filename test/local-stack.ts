import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpClient } from '#common/testing/index';
import { portState } from '#stack/ports';

export interface StackFile {
  readonly gateway: string;
  readonly nats: { readonly url: string; readonly user: string; readonly password: string };
  readonly databases: Readonly<Record<string, string>>;
  readonly mail: { readonly page: string; readonly smtp: string } | null;
  readonly processes: readonly { readonly name: string; readonly pid: number; readonly port: number }[];
}

/** Milliseconds that the stack has to come up, also on a busy machine. */
const startTimeout = 120_000;

/** The first of nine free ports, below those that the system gives to outgoing connections. */
async function freeBlock(): Promise<number> {
  for (;;) {
    const first = 10_000 + 10 * Math.floor(Math.random() * 2_000);
    const states = await Promise.all(Array.from({ length: 9 }, (_, index) => portState(first + index)));
    if (states.every((state) => state === 'free')) return first;
  }
}

/** What `npm start` brings up, on free ports and with a data folder of its own. */
export class LocalStack {
  private output = '';

  private constructor(
    private readonly child: ChildProcess,
    readonly folder: string,
  ) {
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (this.output += text));
  }

  static async start(environment: NodeJS.ProcessEnv = {}): Promise<LocalStack> {
    const folder = await mkdtemp(join(tmpdir(), 'clarity-stack-'));
    const gateway = await freeBlock();
    const child = spawn(process.execPath, ['dist/stack/main.js'], {
      env: {
        ...process.env,
        NODE_ENV: 'development',
        GATEWAY_PORT: String(gateway),
        POSTGRES_PORT: String(gateway + 5),
        NATS_PORT: String(gateway + 6),
        MAIL_PORT: String(gateway + 7),
        MAIL_SMTP_PORT: String(gateway + 8),
        STACK_DATA_DIR: folder,
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stack = new LocalStack(child, folder);
    await stack.up();
    return stack;
  }

  private up(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the stack is not up:\n${this.output}`)), startTimeout);
      this.child.on('exit', () => reject(new Error(`the stack has ended:\n${this.output}`)));
      this.child.stdout!.on('data', () => {
        if (!/Clarity runs at/.test(this.output)) return;
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async file(): Promise<StackFile> {
    return JSON.parse(await readFile(join(this.folder, 'stack.json'), 'utf8')) as StackFile;
  }

  async http(): Promise<HttpClient> {
    return new HttpClient((await this.file()).gateway);
  }

  /** Stops it as Ctrl-C does, and deletes its data; its exit code. */
  async stop(): Promise<number | null> {
    const ended = new Promise<number | null>((resolve) => this.child.once('exit', resolve));
    if (this.child.exitCode === null) this.child.kill('SIGTERM');
    const code = this.child.exitCode ?? (await ended);
    await rm(this.folder, { recursive: true, force: true });
    return code;
  }
}
