import type { ServiceName } from '../../contracts/topology.js';

/** The four PostgreSQL roles of a service's database; none owns what another uses, none bypasses row-level security. */
export interface DatabaseRoles {
  /** Owns the database and its tables; runs migrations. */
  readonly owner: string;
  /** Serves requests, behind the tenant policies. */
  readonly app: string;
  /** Relay, subscribers, jobs, sign-in and public validation. */
  readonly system: string;
  /** Owns triggers and functions that see more than their caller; cannot log in. */
  readonly definer: string;
}

export function rolesOf(service: ServiceName): DatabaseRoles {
  return {
    owner: `${service}_owner`,
    app: `${service}_app`,
    system: `${service}_system`,
    definer: `${service}_definer`,
  };
}

export interface Protection {
  /** Privileges of the requests' role, as in GRANT: `SELECT`, `UPDATE (title, updated_at)`; none by default. */
  readonly app?: readonly string[];
  /** Policies of the requests' role: command → condition; INSERT's is its WITH CHECK, UPDATE's is both. */
  readonly policies?: Partial<Record<'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE', string>>;
  /** Privileges of the role that owns triggers and functions. */
  readonly definer?: readonly string[];
}

/**
 * Row-level security FORCEd on one table, with its grants and policies. The owner has a policy of its own, or migrations
 * that fill a column would silently touch nothing.
 */
export function protect(service: ServiceName, table: string, protection: Protection = {}): string[] {
  const roles = rolesOf(service);
  const name = table.replace(/\W/g, '_');
  const statements = [
    `ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`,
    `ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO ${roles.system}`,
    `CREATE POLICY ${name}_owner ON ${table} TO ${roles.owner} USING (true) WITH CHECK (true)`,
    `CREATE POLICY ${name}_system ON ${table} TO ${roles.system} USING (true) WITH CHECK (true)`,
  ];
  if (protection.app?.length) statements.push(`GRANT ${protection.app.join(', ')} ON ${table} TO ${roles.app}`);
  if (protection.definer?.length) {
    statements.push(
      `GRANT ${protection.definer.join(', ')} ON ${table} TO ${roles.definer}`,
      `CREATE POLICY ${name}_definer ON ${table} TO ${roles.definer} USING (true) WITH CHECK (true)`,
    );
  }
  for (const [command, condition] of Object.entries(protection.policies ?? {})) {
    const using = command === 'INSERT' ? '' : ` USING (${condition})`;
    const check = command === 'INSERT' || command === 'UPDATE' ? ` WITH CHECK (${condition})` : '';
    statements.push(
      `CREATE POLICY ${name}_${command.toLowerCase()} ON ${table} FOR ${command} TO ${roles.app}${using}${check}`,
    );
  }
  return statements;
}
