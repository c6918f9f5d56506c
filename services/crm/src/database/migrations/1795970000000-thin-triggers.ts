import { migration } from '#common/database/index';
import { callerTrigger, inheritUnlessNew, rememberNew } from './1795945000000-new-customers.js';

const tables = ['customers', 'customer_email', 'customer_phone', 'customer_address'];

/** The organization of the transaction, as the array that a row is held by; no column of a caller's choice. */
const holders = `CREATE FUNCTION app.holders() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT array_remove(ARRAY[app.org()], NULL) $$`;

/** True for a customer made in this transaction that its organization alone holds: its rows are held by default. */
const isNew = (customer: string): string => `${customer}::text = current_setting('app.new_customer', true)`;

const inherit = `SELECT c.organization_ids, c.user_id INTO NEW.organization_ids, NEW.user_id
    FROM public.customers AS c WHERE c.id = NEW.customer_id;
  NEW.organization_ids := coalesce(NEW.organization_ids, '{}');`;

/** Every expression of a trigger is prepared anew in each transaction, which takes longer than its evaluation: so, few. */
const thinTriggers = [
  `CREATE FUNCTION app.hold_new_customer() RETURNS trigger LANGUAGE plpgsql AS $$
   DECLARE
     ignored text;
   BEGIN
     ignored := set_config('app.new_customer', NEW.id::text, true);
     RETURN NEW;
   END $$`,
  `CREATE TRIGGER hold_new_customer BEFORE INSERT ON customers
     FOR EACH ROW EXECUTE FUNCTION app.hold_new_customer()`,
  ...callerTrigger(
    'inherit_holders',
    'BEFORE INSERT',
    ['customer_phone', 'customer_address'],
    `BEGIN
       IF (${isNew('NEW.customer_id')}) IS NOT TRUE THEN ${inherit} END IF;
       RETURN NEW;
     END`,
  ),
  ...callerTrigger(
    'write_email',
    'BEFORE INSERT OR UPDATE OF email',
    ['customer_email'],
    `BEGIN
       NEW.email_lower := lower(NEW.email);
       IF TG_OP = 'INSERT' AND (${isNew('NEW.customer_id')}) IS NOT TRUE THEN ${inherit} END IF;
       RETURN NEW;
     END`,
  ),
];

/** Whether the caller's organization holds a customer, and no other does; a subquery in the policy is set up for every statement. */
const isHeldAlone = `CREATE FUNCTION app.is_held_alone(customer uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
  BEGIN
    IF ${isNew('customer')} THEN RETURN true; END IF;
    RETURN (SELECT c.organization_ids FROM public.customers AS c WHERE c.id = customer) = ARRAY[app.org()];
  END $$`;

const linkPolicy = (isAlone: string): string => `ALTER POLICY customer_organization_insert ON customer_organization
  WITH CHECK (app.is_admin() OR (organization_id = app.org() AND ${isAlone}))`;

const dropTriggers = ['hold_new_customer', 'inherit_holders', 'write_email'].map(
  (name) => `DROP FUNCTION app.${name} CASCADE`,
);
const setDefault = (value: string): string[] =>
  tables.map((table) => `ALTER TABLE ${table} ALTER COLUMN organization_ids SET DEFAULT ${value}`);

/** A new customer with all that belongs to it is written in less time. */
export const ThinTriggers1795970000000 = migration('ThinTriggers1795970000000', {
  up: [
    holders,
    ...setDefault('app.holders()'),
    ...dropTriggers,
    ...thinTriggers,
    isHeldAlone,
    linkPolicy('app.is_held_alone(customer_id)'),
  ],
  down: [
    linkPolicy(`(SELECT c.organization_ids FROM customers AS c WHERE c.id = customer_id) = ARRAY[app.org()]`),
    `DROP FUNCTION app.is_held_alone(uuid)`,
    ...dropTriggers,
    ...rememberNew,
    ...inheritUnlessNew,
    ...setDefault(`'{}'`),
    `DROP FUNCTION app.holders()`,
  ],
});
