import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { serviceNames } from '#common/contracts/topology';
import { TestStack } from '#common/testing/index';
import { reportError } from './command.js';
import { runEvents } from './events-command.js';
import { readSettings } from './settings.js';
import { Terminal } from './terminal.js';

const folder = mkdtempSync(join(tmpdir(), 'clarity-events-'));
const script = fileURLToPath(new URL('./events.js', import.meta.url));
let stack: TestStack;
let databases: Record<string, string>;

interface Told {
  readonly code: number;
  readonly text: string;
}

async function run(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = { STACK_DATA_DIR: folder },
): Promise<Told> {
  let text = '';
  const terminal = new Terminal((written) => (text += written));
  try {
    return { code: await runEvents(args, terminal, () => readSettings(environment)), text };
  } catch (error) {
    reportError(terminal, error);
    return { code: 1, text };
  }
}

/** The same as a process of its own. */
const runScript = (args: readonly string[], environment: NodeJS.ProcessEnv): Promise<Told> =>
  new Promise((resolve) => {
    const env = { PATH: process.env.PATH, ...environment };
    execFile(process.execPath, [script, ...args], { cwd: folder, env }, (error, text) =>
      resolve({ code: (error?.code as number | undefined) ?? 0, text }),
    );
  });

const json = async (...args: string[]) => JSON.parse((await run([...args, '--json'])).text);

const organizationId = randomUUID();
const userId = randomUUID();

beforeAll(async () => {
  stack = await TestStack.start();
  const urls = await Promise.all(
    serviceNames.map(async (service) => [service, (await stack.database(service)).owner] as const),
  );
  databases = Object.fromEntries(urls);
  writeFileSync(join(folder, 'stack.json'), JSON.stringify({ databases }));
  await stack.sql(
    'identity',
    `UPDATE events.head SET next_sequence = 43, published_sequence = 40;
     INSERT INTO events.deletion (kind, id, requested_at, finished_at) VALUES
       ('user', '${userId}', now() - interval '90 s', NULL),
       ('organization', '${organizationId}', now() - interval '1 h', now())`,
  );
  for (const service of ['licensing', 'crm', 'conversations'] as const) {
    await stack.sql(
      service,
      `INSERT INTO events.subscription (source, applied_sequence, watermark_at, snapshot_epoch) VALUES
         ('identity', 42, now(), 1), ('licensing', 0, now(), 1)`,
    );
  }
  await stack.sql(
    'crm',
    `UPDATE events.subscription SET applied_sequence = 30 WHERE source = 'identity';
     INSERT INTO events.deletion (kind, id) VALUES ('user', '${userId}');
     INSERT INTO events.parked
       (source, sequence, epoch, event_id, type, aggregate_id, aggregate_version, headers, data, error, behind)
     VALUES
       ('identity', 7, 1, gen_random_uuid(), 'user.updated', '${userId}', 2, '{}', '{"email":"secret"}', E'refused\\nat', NULL),
       ('identity', 9, 1, gen_random_uuid(), 'user.deleted', '${userId}', 3, '{}', '{}', NULL, 7)`,
  );
});

afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('npm run events', () => {
  it('shows its usage, and says in one line what is wrong with a command', async () => {
    expect(await run(['--help'])).toMatchObject({ code: 0, text: expect.stringContaining('discard <service>') });
    expect((await run([])).code).toBe(1);
    const wrong: [string[], string][] = [
      [['explode'], "There is no command 'explode'"],
      [['replay', 'crm', 'identity'], 'replay takes <service> <source> <sequence>'],
      [['replay', 'crm', 'identity', '7'], 'It needs a --reason'],
      [['discard', 'crm', 'identity', '-7', '--reason', 'x'], "Unknown option '-7'"],
      [['discard', 'crm', 'identity', '1e3', '--reason', 'x'], "'1e3' is no sequence"],
      [['replay', 'licensing', 'crm', '7', '--reason', 'x'], 'licensing does not apply events of crm'],
      [['rebuild', 'crm', 'billing', '--reason', 'x'], "'billing' is none of identity, licensing"],
      [['parked', '--colour'], "Unknown option '--colour'"],
      [['rebuild', 'crm', 'identity', '--reason', 'x'.repeat(501)], '--reason has 500 characters at most'],
    ];
    for (const [args, message] of wrong) {
      const { code, text } = await run(args);
      expect([code, text]).toEqual([1, expect.stringMatching(/^✖ .*\(--help shows how\)\n$/)]);
      expect(text).toContain(message);
    }
  });

  it('finds databases by DATABASE_URL_<SERVICE> too, and says where none are', async () => {
    const { code, text } = await run(['parked'], { STACK_DATA_DIR: join(folder, 'none') });
    expect([code, text]).toEqual([1, expect.stringContaining('set DATABASE_URL_IDENTITY, DATABASE_URL_LICENSING')]);
    const named = { STACK_DATA_DIR: join(folder, 'none'), DATABASE_URL_CRM: databases['crm'] };
    expect((await run(['parked', '--service', 'crm'], named)).text).toContain('waits behind 7');
    const asProcess = await runScript(['parked', '--service', 'crm', '--json'], { ...named, NODE_ENV: 'production' });
    expect([asProcess.code, JSON.parse(asProcess.text)]).toMatchObject([0, [{ sequence: 7 }, { sequence: 9 }]]);
    expect((await runScript(['status'], { STACK_DATA_DIR: folder })).code).toBe(1);
    const gone = { ...named, DATABASE_URL_CRM: 'postgresql://nobody@127.0.0.1:1/crm' };
    expect(await run(['parked', '--service', 'crm'], gone)).toEqual({
      code: 1,
      text: expect.stringMatching(/^✖ The database of crm cannot be used: .*\n$/),
    });
  });

  it('shows head, lag, parked events and deletions of every service', async () => {
    const { code, text } = await run(['status']);
    expect(code).toBe(1);
    expect(text).toMatch(/^identity +1 +42 +40 +0 +1 +1$/m);
    expect(text).toMatch(/^crm +identity +30 +12 +2 +\d+\.\d s ago +complete$/m);
    expect(text).toMatch(/^conversations +identity +42 +0 +0 /m);
    expect(text).toContain('✖ crm has parked 2 events of identity');
    expect(text).toContain('✖ 1 deletions are overdue in identity');
    expect(await json('status')).toMatchObject({
      services: expect.arrayContaining([
        expect.objectContaining({ service: 'crm', deletions: { open: 1, overdue: 0 } }),
      ]),
    });
    const parked = await json('parked', '--source', 'identity');
    expect(parked).toMatchObject([
      { service: 'crm', sequence: 7, error: 'refused\nat' },
      { service: 'crm', sequence: 9, behind: 7 },
    ]);
    expect(JSON.stringify(parked)).not.toContain('secret');
    expect(await json('parked', '--limit', '1')).toHaveLength(1);
    expect((await run(['deletions'])).text).toMatch(
      new RegExp(`^user +${userId} +\\S+ +overdue +not heard +under way +not heard$`, 'm'),
    );
    expect(await json('deletions', '--kind', 'organization')).toMatchObject([
      { id: organizationId, state: 'finished' },
    ]);
    expect(await json('deletions', '--id', randomUUID())).toEqual([]);
  });

  it('has events replayed or discarded and copies rebuilt, and records who did it and why', async () => {
    const replayed = await run(['replay', 'crm', 'identity', '9', '--reason', 'the bug is mended']);
    expect(replayed).toEqual({ code: 0, text: expect.stringContaining('crm replays event 9 of identity') });
    expect((await run(['discard', 'crm', 'identity', '7', '--reason', 'a test'])).code).toBe(0);
    expect(await run(['discard', 'crm', 'identity', '7', '--reason', 'again'])).toMatchObject({
      code: 1,
      text: expect.stringContaining('crm does not have event 7 of identity parked'),
    });
    expect((await run(['rebuild', 'crm', 'identity', '--reason', 'copies differ'])).code).toBe(0);
    const actions = await stack.sql(
      'crm',
      `SELECT action, sequence::int, reason, actor, actor_id FROM events.action ORDER BY id`,
    );
    const by = { actor: userInfo().username, actor_id: null };
    expect(actions).toEqual([
      { action: 'replay', sequence: 9, reason: 'the bug is mended', ...by },
      { action: 'discard', sequence: 7, reason: 'a test', ...by },
      { action: 'rebuild', sequence: null, reason: 'copies differ', ...by },
    ]);
    expect(await json('parked')).toMatchObject([{ sequence: 9, replayRequestedAt: expect.any(String) }]);
    expect((await run(['status'])).text).toMatch(/^crm +identity .* to be made anew$/m);
  });
});
