import { protect, rolesOf } from '#common/database/index';

const { definer } = rolesOf('crm');

/** EXISTS or IN under OR would read the whole organization to check one row; the arrays are kept by triggers instead. */
const held = 'app.org() = ANY (organization_ids) OR app.is_admin()';
/** A customer's own user reads, but neither changes nor links. */
const seen = 'app.org() = ANY (organization_ids) OR user_id = app.usr() OR app.is_admin()';
const policies = { SELECT: seen, INSERT: held, UPDATE: held, DELETE: held };
const spread = ['SELECT', 'UPDATE (organization_ids, user_id)'];

/** Columns are granted one by one, so that no caller says who holds a customer. */
const contact = (table: string, columns: string): string[] =>
  protect('crm', table, {
    app: [
      'SELECT',
      `INSERT (id, customer_id, created_at, updated_at, ${columns})`,
      `UPDATE (updated_at, ${columns})`,
      'DELETE',
    ],
    policies,
    definer: spread,
  });

/**
 * A member links only a customer that the own organization holds and no other: else a stranger's customer, linked by its
 * id, would show itself.
 */
const link = `app.is_admin() OR (organization_id = app.org()
  AND (SELECT c.organization_ids FROM customers AS c WHERE c.id = customer_id) = ARRAY[app.org()])`;
const ownLink = 'organization_id = app.org() OR app.is_admin()';

export const walls = [
  ...protect('crm', 'customers', {
    app: [
      'SELECT',
      'INSERT (id, name, created_at, updated_at, first_name, last_name, version)',
      'UPDATE (name, updated_at, first_name, last_name, version)',
      'DELETE',
    ],
    policies,
    definer: spread,
  }),
  ...contact('customer_email', 'email, is_primary'),
  ...contact('customer_phone', 'phone, type, is_primary, phone_e164'),
  ...contact('customer_address', 'address_line1, address_line2, city, state, postal_code, country'),
  ...protect('crm', 'customer_organization', {
    app: ['SELECT', 'INSERT (id, customer_id, organization_id, created_at)', 'DELETE'],
    policies: { SELECT: ownLink, INSERT: link, DELETE: ownLink },
  }),
  ...protect('crm', 'customer_user', {
    app: ['SELECT', 'INSERT (id, customer_id, user_id, created_at, profile_id)', 'DELETE'],
    policies: { SELECT: seen, INSERT: held, DELETE: held },
    definer: ['SELECT', 'UPDATE (organization_ids)'],
  }),
  ...protect('crm', 'ref_organization', { definer: ['SELECT'] }),
  ...protect('crm', 'organization_removals'),
  // A row lock takes the right to update; nothing of the copies is written by these functions.
  `GRANT UPDATE (version) ON ref_user, ref_profile TO ${definer}`,
];
