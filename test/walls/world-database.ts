import pg from 'pg';
import type { ServiceName } from '#common/contracts/index';
import { rolesOf } from '#common/database/index';
import { infrastructure, type TestStack } from '#common/testing/index';
import type { Tenant } from './world.js';

/** A service's database as its superuser sees it, behind the walls. */
export class WorldDatabase {
  private stateText = '';
  private versionsText = '';
  private known = { versions: '', state: '' };

  private constructor(
    readonly service: ServiceName,
    readonly client: pg.Client,
    readonly a: Tenant,
    /** Matches the text of every row of A. */
    readonly ofA: string,
  ) {}

  static async open(stack: TestStack, service: ServiceName, a: Tenant): Promise<WorldDatabase> {
    const url = new URL(infrastructure().adminUrl[service]);
    url.pathname = new URL((await stack.database(service)).app).pathname;
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    stack.onStop(() => client.end());
    const { organizationId, license, customerId, own, account, people } = a;
    const users = Object.values(people).map(({ id }) => id);
    const ids = [organizationId, license.id, customerId, ...Object.values({ ...own, ...account }), ...users];
    const database = new WorldDatabase(service, client, a, ids.join('|'));
    await database.prepare();
    return database;
  }

  /** Tables of the service, without the copies, the events and what is recorded of them, which move by themselves. */
  async tables(): Promise<string[]> {
    const { rows } = await this.client.query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename !~ '^(ref_|audit_|migrations$)' ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  }

  /** All that is A's, in short; looked up again only when a row of anybody was written meanwhile. */
  async stateOfA(): Promise<string> {
    const versions = await this.ask('versions', this.versionsText);
    if (versions !== this.known.versions) {
      this.known = { versions, state: await this.ask('state', this.stateText, [this.ofA]) };
    }
    return this.known.state;
  }

  private async ask(name: string, text: string, values: string[] = []): Promise<string> {
    const { rows } = await this.client.query<{ told: string }>({ name, text, values });
    return rows[0]!.told;
  }

  /** Takes the second wall away, for good: no policies, and every right that they would have kept the requests' role from using. */
  async takePoliciesAway(): Promise<void> {
    const { rows } = await this.client.query<{ name: string }>(
      `SELECT oid::regclass::text AS name FROM pg_class WHERE relrowsecurity AND relkind IN ('r', 'p')`,
    );
    for (const { name } of rows) {
      await this.client.query(`ALTER TABLE ${name} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY`);
      await this.client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${name} TO ${rolesOf(this.service).app}`);
    }
  }

  /** Lets a policy hold everything true while some work lasts. */
  async withOpenPolicy<T>(table: string, policy: string, work: () => Promise<T>): Promise<T> {
    const { rows } = await this.client.query<{ condition: string }>(
      `SELECT qual AS condition FROM pg_policies WHERE tablename = $1 AND policyname = $2`,
      [table, policy],
    );
    const alter = (condition: string) => this.client.query(`ALTER POLICY ${policy} ON ${table} USING (${condition})`);
    await alter('true');
    return work().finally(() => alter(rows[0]!.condition));
  }

  private async prepare(): Promise<void> {
    const tables = await this.tables();
    const each = (select: (name: string) => string): string => tables.map(select).join(' UNION ALL ');
    this.stateText = `SELECT md5(coalesce(string_agg(row, '|' ORDER BY row), '')) AS told
      FROM (${each((name) => `SELECT t::text AS row FROM ${name} AS t`)}) AS every WHERE row ~ $1`;
    const versions = `sum(hashtext(ctid::text || ' ' || xmin::text))`;
    this.versionsText = `SELECT string_agg(versions, '|') AS told
      FROM (${each((name) => `SELECT concat('${name} ', count(*), ' ', ${versions}) AS versions FROM ${name}`)}) AS every`;
  }
}
