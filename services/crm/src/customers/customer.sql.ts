/** The first wall, as a condition on `customers AS c`: who may read a customer, and who may change it. */
export const mayRead = '(app.org() = ANY (c.organization_ids) OR c.user_id = app.usr() OR app.is_admin())';
export const mayChange = '(app.org() = ANY (c.organization_ids) OR app.is_admin())';

const times = (row: string): string =>
  `'createdAt', app.iso(${row}.created_at), 'updatedAt', app.iso(${row}.updated_at)`;

/** JSON of one row, named `x`, of each table that belongs to a customer. */
export const emailJson = `json_build_object('id', x.id, 'customerId', x.customer_id, 'email', x.email,
  'isPrimary', coalesce(x.is_primary, false), ${times('x')})`;
export const phoneJson = `json_build_object('id', x.id, 'customerId', x.customer_id, 'phone', x.phone, 'type', x.type,
  'isPrimary', coalesce(x.is_primary, false), ${times('x')})`;
export const addressJson = `json_build_object('id', x.id, 'customerId', x.customer_id, 'addressLine1', x.address_line1,
  'addressLine2', x.address_line2, 'city', x.city, 'state', x.state, 'postalCode', x.postal_code, 'country', x.country,
  ${times('x')})`;
const organizationJson = `json_build_object('organizationId', x.organization_id, 'createdAt', app.iso(x.created_at))`;
const userJson = `json_build_object('userId', x.user_id, 'createdAt', app.iso(x.created_at))`;

/** Oldest first; ids break ties, and ids of one request ascend. */
const children = (table: string, json: string, condition = ''): string =>
  `(SELECT coalesce(json_agg(${json} ORDER BY x.created_at NULLS FIRST, x.id), '[]')
    FROM ${table} AS x WHERE x.customer_id = c.id${condition})`;

const names = `'id', c.id, 'name', c.name, 'firstName', c.first_name, 'lastName', c.last_name, ${times('c')}`;

/** A customer in a list. */
export const summaryJson = `json_build_object(${names})`;

/** A customer with all that belongs to it. */
export const customerJson = `json_build_object(${names},
  'emails', ${children('customer_email', emailJson)},
  'phones', ${children('customer_phone', phoneJson)},
  'addresses', ${children('customer_address', addressJson)},
  'organizations', ${children('customer_organization', organizationJson, ' AND (x.organization_id = app.org() OR app.is_admin())')},
  'user', (SELECT ${userJson} FROM customer_user AS x WHERE x.customer_id = c.id))`;
