import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { openLog } from './log-file.js';
import type { StopSteps } from './processes.js';

export interface DaemonOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** File that receives standard output and error. */
  readonly log: string;
  /** User to run as; only root can choose. */
  readonly runAs?: { readonly uid: number; readonly gid: number };
  /** Opens an IPC channel, whose end tells a Node.js child that its launcher is gone. */
  readonly ipc?: boolean;
}

/** A child process that hears no Ctrl-C, so that the order of stopping is ours, and does not outlive our own end by exit. */
export class Daemon {
  /** Resolves with the reason in words (`code 1`, `signal SIGKILL`) once the process has ended. */
  readonly exited: Promise<string>;
  static readonly #running = new Set<Daemon>();
  readonly #child: ChildProcess;
  #ended: string | undefined;
  #spoken = false;

  private constructor(child: ChildProcess) {
    this.#child = child;
    Daemon.#running.add(this);
    child.once('message', () => (this.#spoken = true));
    this.exited = new Promise((resolve) => {
      const settle = (reason: string) => {
        this.#ended ??= reason;
        Daemon.#running.delete(this);
        resolve(this.#ended);
      };
      child.once('exit', (code, signal) => settle(signal ? `signal ${signal}` : `code ${code}`));
      child.once('error', (error) => settle(error.message));
    });
  }

  static start(options: DaemonOptions): Daemon {
    const log = openLog(options.log);
    try {
      const child = spawn(options.command, options.args, {
        cwd: options.cwd,
        env: options.env,
        detached: true,
        stdio: options.ipc ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
        ...(options.runAs && { uid: options.runAs.uid, gid: options.runAs.gid }),
      });
      return new Daemon(child);
    } finally {
      closeSync(log);
    }
  }

  /** Sends a signal to every process started here that has not ended yet. */
  static signalAll(signal: NodeJS.Signals): void {
    for (const daemon of Daemon.#running) daemon.#child.kill(signal);
  }

  /** 0 when the process could not be started at all. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Why the process ended, or undefined while it runs. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** Whether the process has sent a message over its IPC channel. */
  get hasSpoken(): boolean {
    return this.#spoken;
  }

  /** Sends the signals one after the other until the process has ended; the last step waits for as long as it takes. */
  async stop(steps: StopSteps): Promise<void> {
    for (const [signal, patience] of steps) {
      if (this.#ended !== undefined) return;
      this.#child.kill(signal);
      await this.#endsWithin(patience);
    }
    if (this.#ended !== undefined) return;
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  #endsWithin(patience: number): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise((resolve) => (timer = setTimeout(resolve, patience)));
    return Promise.race([this.exited, timeout]).finally(() => clearTimeout(timer));
  }
}

process.once('exit', () => Daemon.signalAll('SIGINT'));
