import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { llmKeySubject } from '#common/contracts/index';
import { SecretBox, sealedContext } from '#common/crypto/index';
import { eventually, HttpClient, TestStack } from '#common/testing/index';
import { sealedColumns } from '../services/identity/src/database/sealed-columns.js';
import { defineIdentity } from '../services/identity/src/identity.definition.js';
import { reportError } from './command.js';
import { newMasterKey } from './master-key-source.js';
import { runSecrets } from './secrets-command.js';
import { readSettings } from './settings.js';
import { Terminal } from './terminal.js';

const folder = mkdtempSync(join(tmpdir(), 'clarity-secrets-'));
const file = join(folder, 'secrets.key');
const script = fileURLToPath(new URL('./secrets.js', import.meta.url));
const sessions = 2_000;
let stack: TestStack;
let replicas: HttpClient[];
let ownerUrl: string;
let ada: { token: string; refreshToken: string; userId: string };

const keysInFile = (): string => readFileSync(file, 'utf8').trim();
const idsInFile = (): string[] =>
  keysInFile()
    .split(',')
    .map((entry) => entry.split(':')[0]!);

const environment = () => ({ STACK_DATA_DIR: folder, DATABASE_URL_IDENTITY: ownerUrl });

async function run(args: string[], extra: NodeJS.ProcessEnv = {}): Promise<{ code: number; text: string }> {
  let text = '';
  const terminal = new Terminal((written) => (text += written));
  try {
    return { code: await runSecrets(args, terminal, extra, () => readSettings({ ...environment(), ...extra })), text };
  } catch (error) {
    reportError(terminal, error);
    return { code: 1, text };
  }
}

/** How many sealed texts of all tables each key has sealed. */
async function sealedBy(): Promise<Record<string, number>> {
  const rows = await stack.sql<{ key: string; rows: number }>(
    'identity',
    `SELECT split_part(sealed, '.', 1) AS key, count(*)::int AS rows FROM (SELECT private_key FROM signing_keys
       UNION ALL SELECT refresh_key FROM sessions UNION ALL SELECT api_key FROM llm_api_keys) AS all_sealed (sealed)
     GROUP BY 1`,
  );
  return Object.fromEntries(rows.map(({ key, rows: found }) => [key, found]));
}

const addKey = (http: HttpClient, apiKey: string) =>
  http.as(ada.token).post('/v1/me/llm-api-keys', { provider: 'openai', apiKey });

beforeAll(async () => {
  writeFileSync(file, `${newMasterKey('k1')}\n`, { mode: 0o600 });
  stack = await TestStack.start();
  ownerUrl = (await stack.database('identity')).owner;
  const settings = { SECRETS_KEY_FILE: file, AUTH_AUTOCONFIRM: 'true' };
  const services = await Promise.all([1, 2].map(() => stack.service('identity', defineIdentity, settings)));
  replicas = services.map(({ http }) => http);
  const credentials = { email: `${randomUUID()}@example.com`, password: 'correct horse battery' };
  const { body } = await eventually(async () => {
    const answer = await replicas[0]!.post('/auth/v1/signup', credentials);
    expect(answer.status).toBe(200);
    return answer;
  });
  ada = { token: body.access_token, refreshToken: body.refresh_token, userId: body.user.id };
  const box = new SecretBox(keysInFile());
  const ids = Array.from({ length: sessions }, () => randomUUID());
  await stack.sql(
    'identity',
    `INSERT INTO sessions (id, user_id, refresh_key) SELECT id, $2, sealed FROM unnest($1::uuid[], $3::text[]) AS s (id, sealed)`,
    [ids, ada.userId, ids.map((id) => box.seal(`key of ${id}`, sealedContext('sessions', id)))],
  );
});

afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Refreshes, stores and reads secrets by both replicas until it is stopped; what failed. */
function work() {
  const state = { isStopped: false };
  const failures: unknown[] = [];
  let done = 0;
  const loop = async (once: (http: HttpClient, n: number) => Promise<unknown>) => {
    for (let n = 0; !state.isStopped; n += 1) {
      await once(replicas[n % 2]!, n).catch((error: unknown) => failures.push(error));
      done += 1;
    }
  };
  const expectStatus = (status: number, answer: { status: number; body: unknown }) => {
    if (answer.status !== status) failures.push(answer.body);
  };
  const loops = [
    loop(async (http) => {
      const answer = await http.post('/auth/v1/token?grant_type=refresh_token', { refresh_token: ada.refreshToken });
      expectStatus(200, answer);
      ada.refreshToken = answer.body.refresh_token;
    }),
    loop(async (http, n) => {
      const added = await addKey(http, `sk-secret-number-${n}`);
      expectStatus(201, added);
      const connection = await asker;
      const question = JSON.stringify({ userId: ada.userId, keyId: added.body.id });
      const { value } = (await connection.request(llmKeySubject, question, { timeout: 5_000 })).json<any>();
      if (value?.key?.apiKey !== `sk-secret-number-${n}`) failures.push(`key ${n} could not be read`);
      const removed = await http.as(ada.token).delete(`/v1/me/llm-api-keys/${added.body.id}`);
      expectStatus(204, removed);
    }),
  ];
  const asker = stack.connect('conversations');
  return {
    stop: async () => {
      state.isStopped = true;
      await Promise.all(loops);
      return { failures, done };
    },
  };
}

describe('the rotation of master keys', () => {
  it('shows which key has sealed what, and changes nothing on a dry run', async () => {
    const before = await sealedBy();
    const { code, text } = await run(['--dry-run']);
    expect(code).toBe(0);
    const tables = sealedColumns.map(({ table }) => table).join(' +');
    expect(text).toMatch(new RegExp(`^master key +${tables}\\nk1 +2 +${sessions + 1}( +0)+\\n$`));
    expect([await sealedBy(), idsInFile()]).toEqual([before, ['k1']]);
  });

  it('fails no request, though it is killed in the middle and called again', async () => {
    const { body: kept } = await addKey(replicas[0]!, 'sk-from-before-the-rotation');
    // Held by somebody else, so that the rotation cannot end before it is killed.
    const holder = new pg.Client({ connectionString: ownerUrl });
    await holder.connect();
    await holder.query('BEGIN; SELECT FROM sessions ORDER BY id DESC LIMIT 1 FOR UPDATE');
    const { stop } = work();
    const env = { PATH: process.env.PATH, ...environment() };
    const child = spawn(process.execPath, [script, '--batch', '50'], { cwd: folder, env, stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    try {
      await eventually(async () => expect((await sealedBy())['k2']).toBeGreaterThan(100), 40_000);
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
    const { k1, k2 } = await sealedBy();
    expect([k1! > 0, k2! > 0, idsInFile()]).toEqual([true, true, ['k2', 'k1']]);
    await holder.end();

    const again = await run(['--batch', '100']);
    const { failures, done } = await stop();
    expect({ code: again.code, text: again.text }).toMatchObject({ code: 0 });
    expect(again.text).toContain('k1 seals nothing any more and may be removed: npm run secrets:rotate -- --drop');
    expect(again.text).not.toContain('is the new master key');
    expect(failures).toEqual([]);
    expect(done).toBeGreaterThan(20);
    expect([Object.keys(await sealedBy()), idsInFile()]).toEqual([['k2'], ['k2', 'k1']]);
    for (const entry of keysInFile().split(',')) expect(again.text).not.toContain(entry.split(':')[1]);

    const dropped = await run(['--drop']);
    expect([dropped.code, idsInFile()]).toEqual([0, ['k2']]);
    const [row] = await stack.sql<{ api_key: string }>('identity', 'SELECT api_key FROM llm_api_keys WHERE id = $1', [
      kept.id,
    ]);
    const context = sealedContext('llm_api_keys', kept.id, ada.userId, 'openai', null);
    expect(new SecretBox(keysInFile()).open(row!.api_key, context)).toBe('sk-from-before-the-rotation');
    const refreshed = await replicas[1]!.post('/auth/v1/token?grant_type=refresh_token', {
      refresh_token: ada.refreshToken,
    });
    expect(refreshed.status).toBe(200);
    ada.refreshToken = refreshed.body.refresh_token;
  }, 90_000);

  it('begins another one when the last is finished', async () => {
    const { code, text } = await run([]);
    expect([code, idsInFile(), Object.keys(await sealedBy())]).toEqual([0, ['k3', 'k2'], ['k3']]);
    expect(text).toContain('k3 is the new master key');
  });

  it('seals with the operator’s first key, and leaves the keys to the operator', async () => {
    const file3 = keysInFile();
    const operators = newMasterKey('op');
    const given = { SECRETS_KEY: `${operators},${file3}` };
    const refused = await run(['--drop'], given);
    expect([refused.code, refused.text]).toEqual([1, expect.stringContaining('these keys are yours to remove')]);
    const { code, text } = await run([], given);
    expect([code, Object.keys(await sealedBy()), keysInFile()]).toEqual([0, ['op'], file3]);
    expect(text).toContain('k3, k2 seals nothing any more and may be removed: remove it where the keys are set');
    const back = join(folder, 'operators.key');
    writeFileSync(back, `${file3},${operators}`);
    expect((await run([], { SECRETS_KEY_FILE: back })).code).toBe(0);
    expect([Object.keys(await sealedBy()), readFileSync(back, 'utf8')]).toEqual([['k3'], `${file3},${operators}`]);
  });

  it('takes no key away while something is left that it has sealed, or that nobody can open', async () => {
    const id = randomUUID();
    const stranger = new SecretBox(newMasterKey('lost')).seal('x', sealedContext('sessions', id));
    const insert = 'INSERT INTO sessions (id, user_id, refresh_key) VALUES ($1, $2, $3)';
    await stack.sql('identity', insert, [id, ada.userId, stranger]);
    const old = new SecretBox(keysInFile().split(',')[1]!);
    const moved = randomUUID();
    await stack.sql('identity', insert, [moved, ada.userId, old.seal('x', sealedContext('sessions', id))]);
    const ids = idsInFile();
    for (const args of [[], ['--drop']]) {
      const { code, text } = await run(args);
      expect([code, idsInFile()]).toEqual([1, ids]);
      if (args.length === 0) for (const one of [id, moved]) expect(text).toContain(one);
      else expect(text).toContain('There is no master key lost');
    }
    await stack.sql('identity', 'DELETE FROM sessions WHERE id = ANY ($1)', [[id, moved]]);
  });

  it.each([
    ['an unknown option', ['--all'], {}, '--help shows how'],
    ['a batch of nothing', ['--batch', '0'], {}, '--batch'],
    ['keys that are none', [], { SECRETS_KEY: 'k1:short' }, 'SECRETS_KEY cannot be used'],
    ['a file that is not there', [], { SECRETS_KEY_FILE: join(folder, 'none') }, 'There is no'],
    ['keys in two places', [], { SECRETS_KEY: 'a', SECRETS_KEY_FILE: 'b' }, 'exclude each other'],
    ['a stack that was never started', [], { STACK_DATA_DIR: join(folder, 'new') }, 'has not been started'],
  ])('refuses %s in a sentence', async (_, args, extra, why) => {
    const { code, text } = await run(args, extra);
    expect([code, text]).toEqual([1, expect.stringContaining(why)]);
    expect(text).not.toMatch(/short| at /);
    expect(idsInFile()).toEqual(['k3', 'k2']);
  });

  it('explains itself', async () => {
    expect(await run(['--help'])).toMatchObject({ code: 0, text: expect.stringContaining('--dry-run') });
  });
});
