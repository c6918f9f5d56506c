import { compactArray, compactObject, type JsonFields, timesOf } from '#common/database/index';

/** The first wall, as a condition on `customers AS c`: who may read a customer, and who may change it. */
export const mayRead = '(app.org() = ANY (c.organization_ids) OR c.user_id = app.usr() OR app.is_admin())';
export const mayChange = '(app.org() = ANY (c.organization_ids) OR app.is_admin())';

const isPrimary = 'coalesce(x.is_primary, false)';
const ofCustomer: JsonFields = { id: 'x.id', customerId: 'x.customer_id' };

/** Of one row, named `x`, of each table that belongs to a customer. */
export const emailFields: JsonFields = { ...ofCustomer, email: 'x.email', isPrimary, ...timesOf('x') };
export const phoneFields: JsonFields = { ...ofCustomer, phone: 'x.phone', type: 'x.type', isPrimary, ...timesOf('x') };
export const addressFields: JsonFields = {
  ...ofCustomer,
  addressLine1: 'x.address_line1',
  addressLine2: 'x.address_line2',
  city: 'x.city',
  state: 'x.state',
  postalCode: 'x.postal_code',
  country: 'x.country',
  ...timesOf('x'),
};
const createdAt = 'app.iso(x.created_at)';
const organizationFields: JsonFields = { organizationId: 'x.organization_id', createdAt };
const userFields: JsonFields = { userId: 'x.user_id', createdAt };

/** Oldest first; ids break ties, and ids of one request ascend. */
const children = (table: string, fields: JsonFields, condition = ''): string =>
  compactArray(fields, `${table} AS x WHERE x.customer_id = c.id${condition} ORDER BY x.created_at NULLS FIRST, x.id`);

const ownFields: JsonFields = {
  id: 'c.id',
  name: 'c.name',
  firstName: 'c.first_name',
  lastName: 'c.last_name',
  ...timesOf('c'),
};

/** A customer in a list. */
export const summaryJson = compactObject(ownFields);

/** A customer with all that belongs to it. */
export const customerJson = compactObject({
  ...ownFields,
  emails: children('customer_email', emailFields),
  phones: children('customer_phone', phoneFields),
  addresses: children('customer_address', addressFields),
  organizations: children(
    'customer_organization',
    organizationFields,
    ' AND (x.organization_id = app.org() OR app.is_admin())',
  ),
  user: compactObject(userFields, 'customer_user AS x WHERE x.customer_id = c.id'),
});
