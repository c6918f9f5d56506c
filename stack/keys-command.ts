import { isUUID } from 'class-validator';
import type { SystemUnitOfWork } from '#common/database/unit-of-work';
import { Problem } from '#common/http/problem';
import { continueTrace } from '#common/observability/trace';
import { type KeyRow, keysText, requestRotation, revokeKey } from '../services/identity/src/auth/keys/key-rows.js';
import { fault, parsed } from './arguments.js';
import { databaseSettings } from './launch-settings.js';
import { answerOf, withServices } from './service-access.js';
import type { StackSettings } from './settings.js';
import { StackError } from './stack-error.js';
import { table } from './table.js';
import type { Terminal } from './terminal.js';

const usage = `npm run keys:rotate [-- <option>]

Has the next key sign access tokens: at once, when it has been published for 15 minutes, else as soon as it has been.
Nobody is signed out; tokens that the keys before it signed stay good until they expire.

  --now           waits for Clarity's own services only, which know a key 15 s after its publication
  --revoke <kid>  takes a key out instead, within seconds: whoever holds a token that it signed has to refresh
  --list          shows the keys and changes nothing
  --json          the same for programs
  --help          this

It works on the stack that runs on STACK_DATA_DIR, or on the database that DATABASE_URL_IDENTITY names; a running identity
does it within 2 s. The key that signs rotates by itself after SIGNING_KEY_LIFETIME days.`;

const options = {
  now: { type: 'boolean' },
  revoke: { type: 'string' },
  list: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

type Asked = ReturnType<typeof argumentsOf>;

/**
 * The operator's command line for the keys of access tokens.
 * @returns the exit code
 */
export async function runKeys(
  given: readonly string[],
  terminal: Terminal,
  settings: () => StackSettings = databaseSettings,
): Promise<number> {
  const asked = argumentsOf(given);
  if (asked.help) {
    terminal.line(usage);
    return 0;
  }
  const { done, keys } = await withServices(settings(), ['identity'], async (access) => {
    const system = access.get('identity')!;
    const sentence = await act(asked, system);
    return { done: sentence, keys: await answerOf('identity', system.read<KeyRow>({ text: keysText })) };
  });
  if (asked.json) terminal.line(JSON.stringify({ data: keys }, null, 2));
  else for (const line of [...done, ...tableOf(keys)]) terminal.line(line);
  return 0;
}

function argumentsOf(given: readonly string[]) {
  const { values } = parsed({ args: [...given], options });
  if ([values.now, values.revoke !== undefined, values.list].filter(Boolean).length > 1)
    throw fault('--now, --revoke and --list exclude each other');
  return values;
}

async function act({ list, now = false, revoke }: Asked, system: SystemUnitOfWork): Promise<string[]> {
  const trace = continueTrace(undefined);
  if (list) return [];
  if (revoke === undefined) {
    const { id, activateAt } = await answerOf(
      'identity',
      system.run({ trace }, (tx) => requestRotation(tx, now)),
    );
    return [`${id} signs from ${activateAt!.toISOString()} on.`];
  }
  const missing = new StackError(`There is no signing key '${revoke}'.`);
  if (!isUUID(revoke, 'loose')) throw missing;
  try {
    await system.run({ trace }, (tx) => revokeKey(tx, revoke));
    return [`${revoke} is revoked; within seconds every token that it signed is void.`];
  } catch (error) {
    if (error instanceof Problem && error.status === 404) throw missing;
    return answerOf('identity', Promise.reject(error));
  }
}

const timeOf = (at: Date | null): string => at?.toISOString() ?? '–';

function tableOf(keys: readonly KeyRow[]): string[] {
  const header = ['key', 'status', 'published', 'to sign from', 'signs since', 'signed until'];
  const cells = keys.map(({ id, status, createdAt, activateAt, activatedAt, retiredAt }) => [
    id,
    status,
    ...[createdAt, activateAt, activatedAt, retiredAt].map(timeOf),
  ]);
  return table(header, cells);
}
