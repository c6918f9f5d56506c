import type { WorldDatabase } from './world-database.js';
import { rolesOf } from '#common/database/index';
import { type Member, sessionIdOf, type Person } from '../../services/identity/test/identity.js';
import type { Tenant } from './world.js';

interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/**
 * Written by every request, read by none and emptied by the service: what would be A's. An event of no organization is the
 * code's word, and so is to whom one is told: a customer of several organizations is told of to all of them.
 */
const lettersOfA = ({ organizationId, people }: Tenant): Readonly<Record<string, Statement[]>> => ({
  'events.outbox': [
    {
      text: `INSERT INTO events.outbox (event_id, type, aggregate_id, aggregate_version, organization_id, occurred_at, data)
        VALUES (gen_random_uuid(), 'profile.updated', $1, 1, $2, now(), '{}')`,
      values: [people.member.profileId, organizationId],
    },
  ],
  'events.deletion': [
    ['organization', organizationId],
    ['user', people.member.id],
  ].map((values) => ({ text: 'INSERT INTO events.deletion (kind, id) VALUES ($1, $2)', values })),
});

/** Who enters, by which session. */
type Entering = Pick<Person, 'id' | 'session'>;

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
async function attempt(database: WorldDatabase, person: Entering | null, table: string, { text, values }: Statement) {
  const { client, a } = database;
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL ROLE ${rolesOf(database.service).app}`);
    await client.query('SELECT app.enter($1, $2, $3, NULL)', [
      person?.id ?? null,
      person ? sessionIdOf(person.session) : null,
      a.organizationId,
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
async function insertsOf({ client, ofA }: WorldDatabase, { table, insertable }: Rights): Promise<Statement[]> {
  const { rows } = await client.query<Record<string, unknown>>(
    `SELECT ${insertable.map((name) => (name === 'id' ? 'gen_random_uuid()::text AS id' : `${name}::text`)).join(', ')}
     FROM ${table} AS t WHERE t::text ~ $1 LIMIT 1`,
    [ofA],
  );
  if (!rows[0]) return [];
  const names = Object.keys(rows[0]);
  const places = names.map((_, index) => `$${index + 1}`).join(', ');
  return [{ text: `INSERT INTO ${table} (${names.join(', ')}) VALUES (${places})`, values: Object.values(rows[0]) }];
}

/**
 * What somebody who is none of A's can do to A's rows in each table, past all that the service does: read, change, delete
 * without a condition, and write another one like them.
 */
export async function faultsAlone(database: WorldDatabase, who: string, person: Entering | null): Promise<string[]> {
  const faults: string[] = [];
  const { service, ofA } = database;
  const letters = lettersOfA(database.a);
  for (const rights of await rightsOf(database)) {
    const { table, readable, changeable, deletes } = rights;
    const before = await countOfA(database, table);
    const change = changeable.map((name) => `${name} = ${name}`).join(', ');
    const inserts = rights.insertable.length > 0 ? (letters[table] ?? (await insertsOf(database, rights))) : [];
    const attempts = [
      ...(readable.length > 0 ? [{ text: `SELECT ${readable.join(', ')} FROM ${table}`, values: [] }] : []),
      ...(changeable.length > 0 ? [{ text: `UPDATE ${table} SET ${change}`, values: [] }] : []),
      ...(deletes ? [{ text: `DELETE FROM ${table}`, values: [] }] : []),
      ...inserts,
    ];
    for (const statement of attempts) {
      const { rows, after, code } = await attempt(database, person, table, statement);
      const name = `${service} as ${who}: ${statement.text.slice(0, 80)}`;
      if (new RegExp(ofA).test(JSON.stringify(rows))) faults.push(`${name} reads rows of A`);
      const changes = !statement.text.startsWith('SELECT');
      if (changes && after !== undefined && after !== before) faults.push(`${name} changes what is A's`);
      if (code !== undefined && !['42501', '23503', '23502', 'P0001'].includes(code))
        faults.push(`${name} failed with ${code}`);
    }
  }
  return faults;
}

/** The code with which a transaction is refused that begins as a caller who is remembered; undefined when it is not. */
export async function refusalOfRemembered({ client, service }: WorldDatabase, member: Member, { session }: Entering) {
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL ROLE ${rolesOf(service).app}`);
    const { id, profileId, organizationId } = member;
    const caller = [id, sessionIdOf(session), null, profileId, organizationId, 'member', 60_000];
    await client.query('SELECT app.enter_as($1, $2, $3, $4, $5, $6, $7, now())', caller);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  } finally {
    await client.query('ROLLBACK');
  }
}
