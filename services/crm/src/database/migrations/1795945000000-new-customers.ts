import { migration } from '#common/database/index';
import {
  contactTables,
  definerTrigger,
  holdNewCustomer,
  inheritHolders,
  spread,
  spreadOrganization,
  spreadUser,
} from './1764000000000-customers.triggers.js';

/**
 * Of a customer made in this transaction and held by its organization alone, nothing needs to be looked up. Asked inside
 * the triggers: a WHEN clause is compiled anew by every statement, which costs more than the look-up.
 */
const isNew = `NEW.customer_id::text = current_setting('app.new_customer', true)`;
/** Once others hold a customer too, it counts as new no longer. */
const forgetNew = `PERFORM set_config('app.new_customer', '', true);`;

export const rememberNew = [
  `CREATE FUNCTION app.hold_new_customer() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     NEW.organization_ids := array_remove(ARRAY[app.org()], NULL);
     NEW.user_id := NULL;
     PERFORM set_config('app.new_customer', NEW.id::text, true);
     RETURN NEW;
   END $$`,
  `CREATE TRIGGER hold_new_customer BEFORE INSERT ON customers
     FOR EACH ROW EXECUTE FUNCTION app.hold_new_customer()`,
];

/** Looked up as the caller: who may not see the customer gives its row no holder, which the policies refuse. */
const inherit = `
  IF ${isNew} THEN
    NEW.organization_ids := array_remove(ARRAY[app.org()], NULL);
    NEW.user_id := NULL;
  ELSE
    SELECT c.organization_ids, c.user_id INTO NEW.organization_ids, NEW.user_id
      FROM public.customers AS c WHERE c.id = NEW.customer_id;
    NEW.organization_ids := coalesce(NEW.organization_ids, '{}');
  END IF;`;

/** Entering the role that cannot log in takes longer than all that these functions do. */
export const callerTrigger = (name: string, timing: string, tables: readonly string[], body: string): string[] => [
  `CREATE FUNCTION app.${name}() RETURNS trigger LANGUAGE plpgsql AS $$ ${body} $$`,
  ...tables.map((table) => `CREATE TRIGGER ${name} ${timing} ON ${table} FOR EACH ROW EXECUTE FUNCTION app.${name}()`),
];

export const inheritUnlessNew = [
  ...callerTrigger(
    'inherit_holders',
    'BEFORE INSERT',
    ['customer_phone', 'customer_address'],
    `BEGIN ${inherit} RETURN NEW; END`,
  ),
  ...callerTrigger(
    'write_email',
    'BEFORE INSERT OR UPDATE OF email',
    ['customer_email'],
    `BEGIN
       NEW.email_lower := lower(NEW.email);
       IF TG_OP = 'INSERT' THEN ${inherit} END IF;
       RETURN NEW;
     END`,
  ),
];

/** A new customer's link to the own organization was counted when the customer was made. */
const spreadUnlessNew = [
  ...definerTrigger(
    'spread_organization',
    'AFTER INSERT OR DELETE',
    ['customer_organization'],
    `DECLARE
       holders uuid[];
     BEGIN
       IF TG_OP = 'DELETE' THEN
         UPDATE public.customers AS c SET organization_ids = array_remove(c.organization_ids, OLD.organization_id)
           WHERE c.id = OLD.customer_id RETURNING c.organization_ids INTO holders;
       ELSIF NEW.organization_id IS DISTINCT FROM app.org() OR (${isNew}) IS NOT TRUE THEN
         UPDATE public.customers AS c SET organization_ids = c.organization_ids || NEW.organization_id
           WHERE c.id = NEW.customer_id AND NEW.organization_id <> ALL (c.organization_ids)
           RETURNING c.organization_ids INTO holders;
       END IF;
       IF holders IS NOT NULL THEN
         ${forgetNew}
         ${spread('organization_ids = holders', 'coalesce(NEW.customer_id, OLD.customer_id)', [...contactTables, 'customer_user'])}
       END IF;
       RETURN NULL;
     END`,
  ),
  ...definerTrigger(
    'spread_user',
    'AFTER INSERT OR DELETE',
    ['customer_user'],
    `DECLARE
       customer uuid := coalesce(NEW.customer_id, OLD.customer_id);
     BEGIN
       UPDATE public.customers SET user_id = NEW.user_id WHERE id = customer;
       IF FOUND THEN
         ${forgetNew}
         ${spread('user_id = NEW.user_id', 'customer')}
       END IF;
       RETURN NULL;
     END`,
  ),
];

const dropFunctions = (...names: string[]): string[] => names.map((name) => `DROP FUNCTION app.${name} CASCADE`);
const replaced = ['hold_new_customer', 'write_email', 'spread_organization', 'spread_user'];

export const NewCustomers1795945000000 = migration('NewCustomers1795945000000', {
  up: [...dropFunctions(...replaced, 'inherit_holders'), ...rememberNew, ...inheritUnlessNew, ...spreadUnlessNew],
  down: [
    ...dropFunctions(...replaced, 'inherit_holders', 'inherit_holders_of_user'),
    ...holdNewCustomer,
    ...inheritHolders,
    ...spreadOrganization,
    ...spreadUser,
  ],
});
