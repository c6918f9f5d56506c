import type { WorldDatabase } from './world-database.js';
import { rolesOf } from '#common/database/index';
import { sessionIdOf, type Person } from '../../services/identity/test/identity.js';

/**
 * Written by every request and read by none: events of whichever audience, and deletions to be seen to. What they say is
 * the code's word; the policies let all of it in.
 */
const letterboxes = ['events.outbox', 'events.deletion'];

interface Rights {
  readonly table: string;
  readonly readable: string[];
  readonly insertable: string[];
  readonly changeable: string[];
  readonly deletes: boolean;
}

/** What the requests' role may do, from the catalog. */
async function rightsOf({ client, service }: WorldDatabase): Promise<Rights[]> {
  const columns = (right: string): string =>
    `coalesce(array_agg(quote_ident(attname)::text) FILTER (WHERE has_column_privilege('${rolesOf(service).app}', c.oid, attnum, '${right}')), '{}')`;
  const { rows } = await client.query<Rights>(
    `SELECT c.oid::regclass::text AS table, ${columns('SELECT')} AS readable, ${columns('INSERT')} AS insertable,
       ${columns('UPDATE')} AS changeable, has_table_privilege('${rolesOf(service).app}', c.oid, 'DELETE') AS deletes
     FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
     WHERE relrowsecurity AND relkind IN ('r', 'p') AND NOT relispartition GROUP BY c.oid ORDER BY 1`,
  );
  return rows.filter(({ readable, insertable, changeable, deletes }) =>
    Boolean(readable.length || insertable.length || changeable.length || deletes),
  );
}

const countOfA = async ({ client, ofA }: WorldDatabase, table: string): Promise<string> => {
  const state = `count(*) || ' ' || md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))`;
  const { rows } = await client.query<{ state: string }>(
    `SELECT ${state} AS state FROM ${table} AS t WHERE t::text ~ $1`,
    [ofA],
  );
  return rows[0]!.state;
};

/** Runs a statement as the requests' role, entered as somebody; tells what is A's afterwards, and takes all of it back. */
async function attempt(database: WorldDatabase, person: Person | null, table: string, text: string, values: unknown[]) {
  const { client } = database;
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL ROLE ${rolesOf(database.service).app}`);
    await client.query('SELECT app.enter($1, $2, $3, NULL)', [
      person?.id ?? null,
      person ? sessionIdOf(person.session) : null,
      database.ofA.split('|')[0],
    ]);
    const { rows } = await client.query<Record<string, unknown>>(text, values);
    await client.query('RESET ROLE');
    return { rows, after: await countOfA(database, table) };
  } catch (error) {
    const { code } = error as { code?: string };
    return { rows: [], after: undefined, code };
  } finally {
    await client.query('ROLLBACK');
  }
}

/** A copy of one of A's rows under another id, of the columns that a request may write. */
async function insertOf({ client, ofA }: WorldDatabase, { table, insertable }: Rights) {
  const { rows } = await client.query<Record<string, unknown>>(
    `SELECT ${insertable.map((name) => (name === 'id' ? 'gen_random_uuid()::text AS id' : `${name}::text`)).join(', ')}
     FROM ${table} AS t WHERE t::text ~ $1 LIMIT 1`,
    [ofA],
  );
  if (!rows[0]) return undefined;
  const names = Object.keys(rows[0]);
  const places = names.map((_, index) => `$${index + 1}`).join(', ');
  return { text: `INSERT INTO ${table} (${names.join(', ')}) VALUES (${places})`, values: Object.values(rows[0]) };
}

/**
 * What somebody who is none of A's can do to A's rows in each table, past all that the service does: read, change, delete
 * without a condition, and write another one like them.
 */
export async function faultsAlone(database: WorldDatabase, who: string, person: Person | null): Promise<string[]> {
  const faults: string[] = [];
  const { service, ofA } = database;
  for (const rights of await rightsOf(database)) {
    const { table, readable, changeable, deletes } = rights;
    const before = await countOfA(database, table);
    const change = changeable.map((name) => `${name} = ${name}`).join(', ');
    const copy = rights.insertable.length > 0 && !letterboxes.includes(table) && (await insertOf(database, rights));
    const attempts = [
      ...(readable.length > 0 ? [{ text: `SELECT ${readable.join(', ')} FROM ${table}`, values: [] }] : []),
      ...(changeable.length > 0 ? [{ text: `UPDATE ${table} SET ${change}`, values: [] }] : []),
      ...(deletes ? [{ text: `DELETE FROM ${table}`, values: [] }] : []),
      ...(copy ? [copy] : []),
    ];
    for (const { text, values } of attempts) {
      const { rows, after, code } = await attempt(database, person, table, text, values);
      const name = `${service} as ${who}: ${text.slice(0, 80)}`;
      if (new RegExp(ofA).test(JSON.stringify(rows))) faults.push(`${name} reads rows of A`);
      if (after !== undefined && after !== before) faults.push(`${name} changes what is A's`);
      if (code !== undefined && !['42501', '23503', '23502', 'P0001'].includes(code))
        faults.push(`${name} failed with ${code}`);
    }
  }
  return faults;
}
