import { migration } from '#common/database/index';

/** What the list of customers is narrowed down to, where walking all customers of an organization would be the way else. */
export const ListFilters1796090000000 = migration('ListFilters1796090000000', {
  up: [
    `CREATE INDEX customer_address_state ON customer_address (state)`,
    `CREATE INDEX customer_address_country ON customer_address (country)`,
    `CREATE INDEX customers_updated ON customers (updated_at)`,
  ],
  down: [`DROP INDEX customers_updated`, `DROP INDEX customer_address_country`, `DROP INDEX customer_address_state`],
});
