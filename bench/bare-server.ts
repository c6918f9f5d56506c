import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import pg from 'pg';

/**
 * The limit that crm is measured against: node:http and pg, one statement a request, without tenants, tokens, validation
 * or events. Started by crm-paths.ts with DATABASE_URL; tells its port to its parent.
 */
const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 10 });

const times = (row: string): string =>
  `'createdAt', public.iso(${row}.created_at), 'updatedAt', public.iso(${row}.updated_at)`;

const children = (table: string, fields: string): string =>
  `(SELECT coalesce(json_agg(json_build_object(${fields}) ORDER BY x.created_at, x.id), '[]')
    FROM ${table} AS x WHERE x.customer_id = c.id)`;

const customerText = `SELECT json_build_object('id', c.id, 'name', c.name, 'firstName', c.first_name,
  'lastName', c.last_name, ${times('c')},
  'emails', ${children('customer_email', `'id', x.id, 'customerId', x.customer_id, 'email', x.email, 'isPrimary', coalesce(x.is_primary, false), ${times('x')}`)},
  'phones', ${children('customer_phone', `'id', x.id, 'customerId', x.customer_id, 'phone', x.phone, 'type', x.type, 'isPrimary', coalesce(x.is_primary, false), ${times('x')}`)},
  'addresses', ${children('customer_address', `'id', x.id, 'customerId', x.customer_id, 'addressLine1', x.address_line1, 'addressLine2', x.address_line2, 'city', x.city, 'state', x.state, 'postalCode', x.postal_code, 'country', x.country, ${times('x')}`)},
  'organizations', ${children('customer_organization', `'organizationId', x.organization_id, 'createdAt', public.iso(x.created_at)`)},
  'user', (SELECT json_build_object('userId', x.user_id, 'createdAt', public.iso(x.created_at))
    FROM customer_user AS x WHERE x.customer_id = c.id))::text AS item FROM customers AS c WHERE c.id = $1`;

const insertText = `WITH request AS (SELECT $1::json AS body),
  customer AS (
    INSERT INTO customers (id, name, first_name, last_name)
    SELECT (body->>'id')::uuid, body->>'name', body->>'firstName', body->>'lastName' FROM request RETURNING id
  ), link AS (
    INSERT INTO customer_organization (customer_id, organization_id) SELECT id, $2 FROM customer
  ), email AS (
    INSERT INTO customer_email (id, customer_id, email, is_primary)
    SELECT e.id, c.id, e.email, e."isPrimary" FROM customer AS c, request,
      json_to_recordset(body->'emails') AS e (id uuid, email text, "isPrimary" boolean)
  ), phone AS (
    INSERT INTO customer_phone (id, customer_id, phone, type, is_primary)
    SELECT p.id, c.id, p.phone, p.type, p."isPrimary" FROM customer AS c, request,
      json_to_recordset(body->'phones') AS p (id uuid, phone text, type text, "isPrimary" boolean)
  )
  INSERT INTO customer_address (id, customer_id, address_line1, city, state, postal_code, country)
  SELECT a.id, c.id, a."addressLine1", a.city, a.state, a."postalCode", a.country FROM customer AS c, request,
    json_to_recordset(body->'addresses')
      AS a (id uuid, "addressLine1" text, city text, state text, "postalCode" text, country text)`;

type Body = Record<'emails' | 'phones' | 'addresses', object[]> & Record<'firstName' | 'lastName', string>;

async function create(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Body;
  const now = new Date().toISOString();
  const customerId = randomUUID();
  const own = (row: object) => ({ id: randomUUID(), customerId, ...row, createdAt: now, updatedAt: now });
  const customer = {
    id: customerId,
    name: `${body.firstName} ${body.lastName}`,
    firstName: body.firstName,
    lastName: body.lastName,
    createdAt: now,
    updatedAt: now,
    emails: body.emails.map(own),
    phones: body.phones.map(own),
    addresses: body.addresses.map(own),
    organizations: [{ organizationId: process.env['ORGANIZATION_ID'], createdAt: now }],
    user: null,
  };
  const text = JSON.stringify(customer);
  await pool.query({ name: 'insert', text: insertText, values: [text, process.env['ORGANIZATION_ID']] });
  return text;
}

async function one(request: IncomingMessage): Promise<string> {
  const values = [request.url!.slice('/v1/customers/'.length)];
  const { rows } = await pool.query<{ item: string }>({ name: 'one', text: customerText, values });
  return rows[0]!.item;
}

const server = createServer(async (request, response) => {
  const isPost = request.method === 'POST';
  const answer = await (isPost ? create(request) : one(request));
  response.writeHead(isPost ? 201 : 200, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(answer),
  });
  response.end(answer);
});

server.listen(0, '127.0.0.1', () => process.send!(server.address()));
process.on('disconnect', () => process.exit(0));
