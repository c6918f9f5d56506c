import { describe, expect, it } from '@jest/globals';
import { Supervisor, type Part, type Running } from './supervisor.js';
import { Terminal } from './terminal.js';
import { until } from './wait.js';

const backoff = { first: 20, longest: 60, forgiven: 60_000 };

/** A part whose processes end when the test says so. */
class FakePart implements Part {
  readonly startedAt: number[] = [];
  readonly stopped: number[] = [];
  failing = 0;
  end: (reason: string) => void = () => undefined;

  constructor(
    readonly name: string,
    readonly stage = 0,
    private readonly journal: string[] = [],
  ) {}

  async start(): Promise<Running> {
    this.startedAt.push(Date.now());
    if (this.failing-- > 0) throw new Error('no luck');
    const pid = this.startedAt.length;
    const exited = new Promise<string>((resolve) => (this.end = resolve));
    const stop = async () => {
      this.journal.push(this.name);
      this.stopped.push(pid);
      this.end('code 0');
    };
    return { pid, exited, stop };
  }
}

function supervise() {
  let output = '';
  let changes = 0;
  const terminal = new Terminal((text) => (output += text));
  const supervisor = new Supervisor(terminal, () => changes++, backoff);
  return { supervisor, output: () => output, changes: () => changes };
}

describe('the supervisor', () => {
  it('starts again what has ended, and says so', async () => {
    const { supervisor, output, changes } = supervise();
    const part = new FakePart('crm');
    await supervisor.start(part);
    part.end('signal SIGKILL');
    expect(await until(() => supervisor.running[0].pid === 2, 2_000)).toBe(true);
    expect(output()).toContain('✖ crm ended (signal SIGKILL): started again in 0.02 s');
    expect(output()).toContain('✔ crm runs again');
    expect(changes()).toBe(2);
    await supervisor.stop();
  });

  it('waits longer after each failure, up to a limit', async () => {
    const { supervisor, output } = supervise();
    const part = new FakePart('crm');
    await supervisor.start(part);
    part.failing = 3;
    part.end('code 1');
    expect(await until(() => supervisor.running[0].pid === 5, 2_000)).toBe(true);
    const pauses = part.startedAt.slice(1).map((time, index) => time - part.startedAt[index]);
    [20, 40, 60, 60].forEach((least, index) => expect(pauses[index]).toBeGreaterThanOrEqual(least - 2));
    expect(output().match(/did not start \(no luck\)/g)).toHaveLength(3);
    await supervisor.stop();
  });

  it('stops by stages, the last one first, and starts nothing again', async () => {
    const { supervisor } = supervise();
    const journal: string[] = [];
    const parts = [
      new FakePart('postgres', 0, journal),
      new FakePart('crm', 3, journal),
      new FakePart('gateway', 4, journal),
    ];
    for (const part of parts) await supervisor.start(part);
    await supervisor.stop();
    expect(journal.filter((name, index) => journal.indexOf(name) === index)).toEqual(['gateway', 'crm', 'postgres']);
    expect(parts.map(({ startedAt }) => startedAt.length)).toEqual([1, 1, 1]);
    await expect(supervisor.start(new FakePart('late'))).rejects.toThrow();
  });

  it('stops while it waits for the next try', async () => {
    const { supervisor, output } = supervise();
    const part = new FakePart('crm');
    await supervisor.start(part);
    part.failing = 1_000;
    part.end('code 1');
    await until(() => output().includes('did not start'), 2_000);
    await supervisor.stop();
    const tries = part.startedAt.length;
    await expect(until(() => part.startedAt.length > tries, 3 * backoff.longest)).resolves.toBeUndefined();
  });

  it('leaves a first start that fails to its caller', async () => {
    const { supervisor } = supervise();
    const part = new FakePart('crm');
    part.failing = 1;
    await expect(supervisor.start(part)).rejects.toThrow('no luck');
    expect(supervisor.running).toEqual([]);
    await supervisor.stop();
  });
});
