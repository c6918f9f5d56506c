import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { infrastructure } from '#common/testing/index';
import { freePort, loopback } from './ports.js';
import { commandLine } from './processes.js';
import type { StackDescription } from './stack-file.js';
import { until } from './wait.js';

/** In place of the services: answers its environment, and writes down when it is asked to end. */
const fakeServer = `
  import { createServer } from 'node:http';
  import { appendFileSync } from 'node:fs';
  const { SERVICE_PORT, SERVICE_HOST, JOURNAL } = process.env;
  const server = createServer((request, response) => response.end(JSON.stringify({
    status: 'ok', services: ['identity', 'licensing', 'crm', 'conversations'],
    ...(request.url === '/environment' && { environment: process.env }),
  })));
  const stop = (reason) => { appendFileSync(JOURNAL, SERVICE_PORT + ' ' + reason + '\\n'); process.exit(0); };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('disconnect', () => stop('disconnect'));
  if (process.env.BREAK === SERVICE_PORT) { console.log('this is why'); process.exit(3); }
  server.listen(Number(SERVICE_PORT), SERVICE_HOST);
`;

const moduleOf = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);

/** As main.ts, with the fake services and without demo data. */
const fakeMain = (server: string, migrations: string) => `
  const { Stack } = await import(${moduleOf('./stack.js')});
  const { launchSettings } = await import(${moduleOf('./launch-settings.js')});
  const { runCommand } = await import(${moduleOf('./command.js')});
  const { builtEntries } = await import(${moduleOf('./entries.js')});
  const server = ${JSON.stringify(server)};
  const servers = { identity: server, licensing: server, crm: server, conversations: server, gateway: server };
  await runCommand(async (terminal) => {
    const entries = { ...builtEntries, servers, migrations: ${JSON.stringify(migrations)} };
    const stack = new Stack(launchSettings(), terminal, entries);
    process.once('SIGTERM', () => stack.stop().then(() => process.exit(0)));
    try {
      await stack.start();
      terminal.line('all is up');
    } catch (error) {
      await stack.stop();
      throw error;
    }
  });
`;

const base = mkdtempSync(join(tmpdir(), 'clarity-stack-'));
const work = join(base, 'work');
const data = join(work, 'data');
const journal = join(base, 'journal');
const main = join(base, 'main.mjs');
const launchers = new Set<ChildProcess>();
let environment: NodeJS.ProcessEnv;

class Launcher {
  output = '';
  private constructor(readonly child: ChildProcess) {
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (this.output += text));
  }

  static spawn(script: string, extra: NodeJS.ProcessEnv = {}): Launcher {
    const child = spawn(process.execPath, [script], {
      cwd: work,
      env: { ...environment, ...extra },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    launchers.add(child);
    return new Launcher(child);
  }

  /** Its exit code, once it has ended. */
  async ended(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close');
    return this.child.exitCode;
  }

  async says(text: string): Promise<void> {
    const said = await until(() => this.output.includes(text) || this.child.exitCode !== null, 40_000);
    if (!said || !this.output.includes(text)) throw new Error(`never said "${text}", but:\n${this.output}`);
  }

  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM');
    return this.ended();
  }
}

const command = (name: 'status' | 'reset') => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

const describeStack = () => JSON.parse(readFileSync(join(data, 'stack.json'), 'utf8')) as StackDescription;

const pidOf = (name: string) => describeStack().processes.find((process) => process.name === name)!.pid;

async function start(extra: NodeJS.ProcessEnv = {}): Promise<Launcher> {
  const launcher = Launcher.spawn(main, extra);
  await launcher.says('all is up');
  return launcher;
}

beforeAll(async () => {
  // PostgreSQL's user has to pass, if this is root.
  chmodSync(base, 0o711);
  mkdirSync(work);
  const server = join(base, 'server.mjs');
  const migrations = join(base, 'migrations.mjs');
  writeFileSync(server, fakeServer);
  writeFileSync(migrations, 'process.exit(0);');
  writeFileSync(main, fakeMain(server, migrations));
  mkdirSync(join(data, 'tools'), { recursive: true });
  copyFileSync(infrastructure().natsBinary.path, join(data, 'tools', 'nats-server'));
  const [gateway, postgres, nats, mail, smtp] = await Promise.all(Array.from({ length: 5 }, freePort));
  environment = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    JOURNAL: journal,
    GATEWAY_PORT: String(gateway),
    POSTGRES_PORT: String(postgres),
    NATS_PORT: String(nats),
    MAIL_PORT: String(mail),
    MAIL_SMTP_PORT: String(smtp),
    STACK_DATA_DIR: data,
  };
});

afterEach(async () => {
  for (const child of launchers) child.kill('SIGTERM');
  for (const child of launchers) if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  launchers.clear();
});

afterAll(() => rmSync(base, { recursive: true, force: true }));

describe('the local stack', () => {
  it('brings everything up, watches over it, and takes it down in order', async () => {
    const launcher = await start();
    const { gateway, nats, databases, mail, processes } = describeStack();
    expect(statSync(join(data, 'stack.json')).mode & 0o777).toBe(0o600);
    expect(gateway).toBe(`http://${loopback}:${environment.GATEWAY_PORT}`);
    expect(nats).toMatchObject({ url: `nats://${loopback}:${environment.NATS_PORT}`, user: 'subscriber' });
    expect(mail!.smtp).toBe(`smtp://${loopback}:${environment.MAIL_SMTP_PORT}`);
    expect(await (await fetch(`${mail!.page}/mails`)).json()).toEqual({ data: [] });
    expect(Object.keys(databases)).toEqual(['identity', 'licensing', 'crm', 'conversations']);
    expect(databases.crm).toMatch(/^postgresql:\/\/crm_owner:.+\/crm$/);
    expect(processes.map(({ name }) => name).sort()).toEqual(
      [
        'conversations',
        'crm',
        'gateway',
        'identity',
        'licensing',
        'mail',
        'nats-server',
        'postgres',
        'provisioner',
      ].sort(),
    );
    const status = Launcher.spawn(command('status'));
    expect(await status.ended()).toBe(0);
    expect(status.output).toContain(`Clarity runs at ${gateway}`);

    const before = { crm: pidOf('crm'), postgres: pidOf('postgres') };
    for (const pid of Object.values(before)) process.kill(pid, 'SIGKILL');
    await launcher.says('✔ crm runs again');
    await launcher.says('✔ postgres runs again');
    expect(launcher.output).toContain('✖ crm ended (signal SIGKILL): started again in 0.5 s');
    await until(() => pidOf('crm') !== before.crm && pidOf('postgres') !== before.postgres, 5_000);
    expect([pidOf('crm'), pidOf('postgres')]).not.toEqual([before.crm, before.postgres]);

    const all = describeStack().processes;
    expect(await launcher.stop()).toBe(0);
    expect(existsSync(join(data, 'stack.json'))).toBe(false);
    for (const { pid } of all) expect(await commandLine(pid)).toBeUndefined();
    const ends = readFileSync(journal, 'utf8').trim().split('\n');
    expect(ends[0]).toBe(`${environment.GATEWAY_PORT} SIGTERM`);
    expect(ends).toHaveLength(5);
    const after = Launcher.spawn(command('status'));
    expect(await after.ended()).toBe(1);
    expect(after.output).toContain('Clarity does not run');
  });

  it('tells each process only what concerns it', async () => {
    await start({ EXTRA: 'passed on', PLATFORM_ADMIN_PASSWORD: 'only for identity', SITE_URL: 'http://site.example' });
    const told = async (name: string) => {
      const { port } = describeStack().processes.find((process) => process.name === name)!;
      const response = await fetch(`http://${loopback}:${port}/environment`);
      return ((await response.json()) as { environment: Record<string, string> }).environment;
    };
    const [identity, crm, gateway] = [await told('identity'), await told('crm'), await told('gateway')];
    expect(identity).toMatchObject({ EXTRA: 'passed on', PLATFORM_ADMIN_PASSWORD: 'only for identity' });
    expect(identity.SECRETS_KEY).toBeUndefined();
    expect(identity.SECRETS_KEY_FILE).toBe(join(data, 'secrets.key'));
    expect(readFileSync(join(data, 'secrets.key'), 'utf8')).toMatch(/^k1:[A-Za-z0-9+/]{43}=\n$/);
    expect(statSync(join(data, 'secrets.key')).mode & 0o777).toBe(0o600);
    expect(identity).toMatchObject({
      SITE_URL: 'http://site.example',
      SMTP_URL: `smtp://${loopback}:${environment.MAIL_SMTP_PORT}`,
    });
    expect(crm).toMatchObject({ NATS_USER: 'crm', SERVICE_HOST: loopback, AUTHORIZATION_MAX_STALENESS: '60' });
    expect(crm.DATABASE_URL).toContain('//crm_app:');
    expect(crm.SYSTEM_DATABASE_URL).toContain('//crm_system:');
    expect(gateway.CRM_URL).toBe(`http://${loopback}:${crm.SERVICE_PORT}`);
    const secret = [
      'PLATFORM_ADMIN_PASSWORD',
      'SECRETS_KEY',
      'SECRETS_KEY_FILE',
      'OWNER_DATABASE_URL',
      'SMTP_URL',
      'SITE_URL',
    ];
    for (const name of secret) expect([crm[name], gateway[name]]).toEqual([undefined, undefined]);
    expect([gateway.DATABASE_URL, gateway.SYSTEM_DATABASE_URL]).toEqual([undefined, undefined]);
  });

  it('refuses a second start, a reset while it runs, and ports that are taken', async () => {
    const { child } = await start();
    const again = Launcher.spawn(main);
    expect(await again.ended()).toBe(1);
    expect(again.output).toContain(`already running on data (process ${child.pid})`);
    const reset = Launcher.spawn(command('reset'));
    expect(await reset.ended()).toBe(1);
    expect(reset.output).toContain(`kill ${child.pid}`);
    const elsewhere = Launcher.spawn(main, { STACK_DATA_DIR: join(work, 'other') });
    expect(await elsewhere.ended()).toBe(1);
    expect(elsewhere.output).toContain(`Port ${environment.GATEWAY_PORT} is in use by another Clarity`);
    expect(elsewhere.output).toContain('GATEWAY_PORT to a free port');
    const holder = createServer().listen(0, loopback);
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    const settings = ['POSTGRES_PORT', 'NATS_PORT', 'MAIL_PORT', 'MAIL_SMTP_PORT'];
    const free = new Set<number>();
    while (free.size <= settings.length) free.add(await freePort());
    const [gateway, ...others] = [...free].map(String);
    const own = { STACK_DATA_DIR: join(work, 'other'), GATEWAY_PORT: gateway };
    const apart = Object.fromEntries(settings.map((setting, index) => [setting, others[index]]));
    for (const setting of settings) {
      const refused = Launcher.spawn(main, { ...own, ...apart, [setting]: String(port) });
      expect(await refused.ended()).toBe(1);
      expect(refused.output).toBe(
        `✖ Port ${port} is in use by another program: stop that one, or set ${setting} to a free port.\n`,
      );
    }
    holder.close();
  });

  it('starts after its launcher was killed, also when a process hangs', async () => {
    const killed = await start();
    const left = describeStack().processes;
    process.kill(pidOf('licensing'), 'SIGSTOP');
    killed.child.kill('SIGKILL');
    await killed.ended();
    const status = Launcher.spawn(command('status'));
    expect(await status.ended()).toBe(1);
    const next = await start();
    expect(next.output).toMatch(/stopped what a killed start had left: .*nats-server, postgres/);
    for (const { pid } of left) expect(await commandLine(pid)).toBeUndefined();
    expect(readFileSync(journal, 'utf8')).toContain('disconnect');
  });

  it('shows the last lines of who does not come up, and leaves nothing running', async () => {
    const launcher = Launcher.spawn(main, { BREAK: environment.GATEWAY_PORT });
    expect(await launcher.ended()).toBe(1);
    expect(launcher.output).toContain(`✖ gateway ended (code 3): see ${join(data, 'logs', 'gateway.log')}`);
    expect(launcher.output).toContain('    this is why');
    expect(existsSync(join(data, 'stack.json'))).toBe(false);
  });

  it('says that a data folder is broken, or none of its own, and resets only its own', async () => {
    const foreign = join(work, 'foreign');
    mkdirSync(foreign);
    writeFileSync(join(foreign, 'thesis.txt'), 'precious');
    for (const script of [main, command('reset')]) {
      const refused = Launcher.spawn(script, { STACK_DATA_DIR: foreign });
      expect(await refused.ended()).toBe(1);
      expect(refused.output).toContain('is not a data folder of Clarity, or not only (thesis.txt)');
    }
    expect(readFileSync(join(foreign, 'thesis.txt'), 'utf8')).toBe('precious');
    writeFileSync(join(data, 'installation.json'), '{ "secretsKey": ');
    const broken = Launcher.spawn(main);
    expect(await broken.ended()).toBe(1);
    expect(broken.output).toContain('installation.json is broken: npm run reset starts over');
    const reset = Launcher.spawn(command('reset'));
    expect(await reset.ended()).toBe(0);
    expect(existsSync(data)).toBe(false);
  });
});
