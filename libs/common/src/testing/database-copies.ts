import pg from 'pg';

const quoted = (name: string): string => pg.escapeIdentifier(name);

/** Runs statements on the maintenance database; each is a transaction of its own, as CREATE DATABASE demands. */
async function administer(adminUrl: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** PostgreSQL copies and renames only a database that nobody is connected to: those who are lose their session. */
const closeTo = (database: string): string[] => [
  `ALTER DATABASE ${quoted(database)} ALLOW_CONNECTIONS false`,
  `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = ${pg.escapeLiteral(database)}`,
];

/**
 * Keeps a copy of a database as it is now; whoever is connected loses the session and can come back when it is done.
 *
 * @param adminUrl superuser's URL of another database of the same server
 */
export const copyDatabase = (adminUrl: string, database: string, copy: string): Promise<void> =>
  administer(adminUrl, [
    ...closeTo(database),
    `CREATE DATABASE ${quoted(copy)} TEMPLATE ${quoted(database)} STRATEGY FILE_COPY`,
    `ALTER DATABASE ${quoted(database)} ALLOW_CONNECTIONS true`,
  ]);

/**
 * Puts an earlier copy in a database's place, as restoring a backup does: sessions end, and whoever comes back under the
 * same name finds the earlier state. The copy itself stays, for another time.
 */
export async function restoreDatabase(adminUrl: string, database: string, copy: string): Promise<void> {
  const [next, past] = [`${database}_next`, `${database}_past`];
  // Owner and rights belong to the database, not to what is in it: a copy does not have them.
  await administer(adminUrl, [
    `CREATE DATABASE ${quoted(next)} TEMPLATE ${quoted(copy)} STRATEGY FILE_COPY`,
    `DO $$
     DECLARE
       known pg_database;
       granted record;
     BEGIN
       SELECT * INTO known FROM pg_database WHERE datname = ${pg.escapeLiteral(database)};
       EXECUTE format('ALTER DATABASE ${quoted(next)} OWNER TO %I', pg_get_userbyid(known.datdba));
       EXECUTE 'REVOKE ALL ON DATABASE ${quoted(next)} FROM PUBLIC';
       FOR granted IN SELECT grantee, privilege_type FROM aclexplode(known.datacl) WHERE grantee <> 0 LOOP
         EXECUTE format('GRANT %s ON DATABASE ${quoted(next)} TO %I', granted.privilege_type, pg_get_userbyid(granted.grantee));
       END LOOP;
     END $$`,
    ...closeTo(database),
    `ALTER DATABASE ${quoted(database)} RENAME TO ${quoted(past)}`,
    `ALTER DATABASE ${quoted(next)} RENAME TO ${quoted(database)}`,
    `DROP DATABASE ${quoted(past)}`,
  ]);
}
