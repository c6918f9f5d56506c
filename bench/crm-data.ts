import pg from 'pg';

/** Runs statements in one session. */
export async function runSql(url: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

/** The seed's tables as they are, for the server without walls: its keys, its references, and the indexes they need. */
export const bareTables = [
  `CREATE FUNCTION iso(at timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
     AS $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$`,
  `CREATE TABLE customers (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL,
     created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(),
     first_name text NOT NULL, last_name text NOT NULL)`,
  ...[
    ['email', `email text NOT NULL, is_primary boolean DEFAULT false, updated_at timestamptz DEFAULT now()`],
    ['phone', `phone text NOT NULL, type text, is_primary boolean DEFAULT false, updated_at timestamptz DEFAULT now()`],
    [
      'address',
      `address_line1 text, address_line2 text, city text NOT NULL, state text NOT NULL, postal_code text, country text,
       updated_at timestamptz DEFAULT now()`,
    ],
    ['organization', `organization_id uuid NOT NULL`],
    ['user', `user_id uuid NOT NULL UNIQUE`],
  ].flatMap(([name, columns]) => [
    `CREATE TABLE customer_${name} (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
       customer_id uuid NOT NULL REFERENCES customers (id), ${columns}, created_at timestamptz DEFAULT now())`,
    `CREATE INDEX ON customer_${name} (customer_id)`,
  ]),
];

/** Customers like those of `body`, a minute apart, all of one organization; ids ascend with time, as the service's do. */
export const fill = (organizationId: string, count: number): string[] => [
  `SELECT set_config('app.organization_id', '${organizationId}', false)`,
  `INSERT INTO customers (id, name, first_name, last_name, created_at)
     SELECT uuidv7(make_interval(mins => n - ${count})), 'Ada ' || n, 'Ada', n::text, now() - make_interval(mins => ${count} - n)
     FROM generate_series(1, ${count}) AS n`,
  `INSERT INTO customer_organization (customer_id, organization_id)
     SELECT id, '${organizationId}' FROM customers ORDER BY id`,
  `INSERT INTO customer_email (id, customer_id, email, is_primary)
     SELECT uuidv7(), c.id, 'ada.' || c.last_name || '.' || k || '@example.com', k = 1
     FROM customers AS c, generate_series(1, 2) AS k ORDER BY c.id`,
  `INSERT INTO customer_phone (id, customer_id, phone, type, is_primary)
     SELECT uuidv7(), c.id, '+44 20 7946 0' || (100 + k), 'work', k = 1
     FROM customers AS c, generate_series(1, 2) AS k ORDER BY c.id`,
  `INSERT INTO customer_address (id, customer_id, address_line1, city, state, postal_code, country)
     SELECT uuidv7(), c.id, '12 St James Square', 'London', 'England', 'SW1Y 4JH', 'GB' FROM customers AS c ORDER BY c.id`,
];

/** What is posted: a customer with two emails, two phones and an address. */
export const body = {
  firstName: 'Ada',
  lastName: 'Lovelace',
  emails: [
    { email: 'ada@example.com', isPrimary: true },
    { email: 'countess@example.com', isPrimary: false },
  ],
  phones: [
    { phone: '+44 20 7946 0101', type: 'work', isPrimary: true },
    { phone: '+44 20 7946 0102', type: 'mobile', isPrimary: false },
  ],
  addresses: [
    { addressLine1: '12 St James Square', city: 'London', state: 'England', postalCode: 'SW1Y 4JH', country: 'GB' },
  ],
};
