import { rolesOf, runAsDefiner } from '#common/database/index';

const { definer } = rolesOf('crm');

const asDefiner = 'SECURITY DEFINER SET search_path = pg_catalog, pg_temp';

/** A trigger function that reads or writes past the walls, handed to the role that cannot log in. */
export const definerTrigger = (name: string, timing: string, tables: readonly string[], body: string): string[] => [
  `CREATE FUNCTION app.${name}() RETURNS trigger LANGUAGE plpgsql ${asDefiner} AS $$ ${body} $$`,
  ...tables.map((table) => `CREATE TRIGGER ${name} ${timing} ON ${table} FOR EACH ROW EXECUTE FUNCTION app.${name}()`),
  `REVOKE ALL ON FUNCTION app.${name}() FROM PUBLIC`,
  `ALTER FUNCTION app.${name}() OWNER TO ${definer}`,
];

const inherit = (alsoUser: boolean): string =>
  `SELECT c.organization_ids${alsoUser ? ', c.user_id' : ''} INTO NEW.organization_ids${alsoUser ? ', NEW.user_id' : ''}
     FROM public.customers AS c WHERE c.id = NEW.customer_id;`;

export const contactTables = ['customer_email', 'customer_phone', 'customer_address'];

export const spread = (assignment: string, customer: string, tables = contactTables): string =>
  tables.map((table) => `UPDATE public.${table} SET ${assignment} WHERE customer_id = ${customer};`).join('\n');

/** A new customer is held by the organization of the transaction, and by nobody else's word. */
export const holdNewCustomer = [
  `CREATE FUNCTION app.hold_new_customer() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     NEW.organization_ids := array_remove(ARRAY[app.org()], NULL);
     NEW.user_id := NULL;
     RETURN NEW;
   END $$`,
  `CREATE TRIGGER hold_new_customer BEFORE INSERT ON customers
     FOR EACH ROW EXECUTE FUNCTION app.hold_new_customer()`,
];

export const inheritHolders = [
  ...definerTrigger(
    'inherit_holders',
    'BEFORE INSERT',
    ['customer_phone', 'customer_address'],
    `BEGIN ${inherit(true)} RETURN NEW; END`,
  ),
  ...definerTrigger(
    'inherit_holders_of_user',
    'BEFORE INSERT',
    ['customer_user'],
    `BEGIN ${inherit(false)} RETURN NEW; END`,
  ),
  ...definerTrigger(
    'write_email',
    'BEFORE INSERT OR UPDATE OF email',
    ['customer_email'],
    `BEGIN
       NEW.email_lower := lower(NEW.email);
       IF TG_OP = 'INSERT' THEN ${inherit(true)} END IF;
       RETURN NEW;
     END`,
  ),
];

/**
 * Refuses a link to a deleted organization. The transaction takes its number before it looks: so it is either among those
 * that the removal of the organization's links waits for, or it sees that the organization is gone.
 */
const prepareLink = definerTrigger(
  'prepare_link',
  'BEFORE INSERT',
  ['customer_organization'],
  `DECLARE
     own_number xid8 := pg_current_xact_id();
     gone boolean;
   BEGIN
     SELECT c.created_at, EXISTS (SELECT FROM public.ref_organization AS o
         WHERE o.organization_id = NEW.organization_id AND o.deleted_at IS NOT NULL)
       INTO NEW.customer_created_at, gone FROM public.customers AS c WHERE c.id = NEW.customer_id;
     IF gone THEN
       RAISE EXCEPTION 'the organization is deleted'
         USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'customer_organization_organization';
     END IF;
     NEW.customer_created_at := coalesce(NEW.customer_created_at, '-infinity');
     RETURN NEW;
   END`,
);

/** Nothing is left to do for the link that a new customer is made with: `hold_new_customer` has done it. */
export const spreadOrganization = definerTrigger(
  'spread_organization',
  'AFTER INSERT OR DELETE',
  ['customer_organization'],
  `DECLARE
     holders uuid[];
   BEGIN
     IF TG_OP = 'INSERT' THEN
       UPDATE public.customers AS c SET organization_ids = c.organization_ids || NEW.organization_id
         WHERE c.id = NEW.customer_id AND NEW.organization_id <> ALL (c.organization_ids)
         RETURNING c.organization_ids INTO holders;
     ELSE
       UPDATE public.customers AS c SET organization_ids = array_remove(c.organization_ids, OLD.organization_id)
         WHERE c.id = OLD.customer_id RETURNING c.organization_ids INTO holders;
     END IF;
     IF holders IS NOT NULL THEN
       ${spread('organization_ids = holders', 'coalesce(NEW.customer_id, OLD.customer_id)', [...contactTables, 'customer_user'])}
     END IF;
     RETURN NULL;
   END`,
);

export const spreadUser = definerTrigger(
  'spread_user',
  'AFTER INSERT OR DELETE',
  ['customer_user'],
  `DECLARE
     customer uuid := coalesce(NEW.customer_id, OLD.customer_id);
   BEGIN
     UPDATE public.customers SET user_id = NEW.user_id WHERE id = customer;
     IF FOUND THEN
       ${spread('user_id = NEW.user_id', 'customer')}
     END IF;
     RETURN NULL;
   END`,
);

export const triggers = [...holdNewCustomer, ...inheritHolders, ...prepareLink, ...spreadOrganization, ...spreadUser];

/** What requests may ask of the copies that they cannot read. */
export const functions = [
  `CREATE FUNCTION app.live_organizations(p_organizations uuid[]) RETURNS uuid[] LANGUAGE sql STABLE ${asDefiner} AS $$
     SELECT coalesce(array_agg(o.organization_id), '{}') FROM public.ref_organization AS o
     WHERE o.organization_id = ANY (p_organizations) AND o.deleted_at IS NULL $$`,
  ...runAsDefiner('crm', 'app.live_organizations(uuid[])'),

  `CREATE FUNCTION app.hold_user(p_user uuid) RETURNS void LANGUAGE plpgsql ${asDefiner} AS $$
   BEGIN
     PERFORM FROM public.ref_user AS u WHERE u.user_id = p_user FOR SHARE;
     PERFORM FROM public.ref_profile AS p WHERE p.user_id = p_user ORDER BY p.profile_id FOR SHARE;
   END $$`,
  ...runAsDefiner('crm', 'app.hold_user(uuid)'),

  `CREATE FUNCTION app.linkable_profile(p_user uuid, p_organizations uuid[], p_emails text[])
   RETURNS uuid LANGUAGE sql STABLE ${asDefiner} AS $$
     SELECT p.profile_id
     FROM (SELECT * FROM public.ref_profile WHERE user_id = p_user AND deleted_at IS NULL
           ORDER BY changed_at DESC LIMIT 1) AS p
     LEFT JOIN public.ref_user AS u ON u.user_id = p.user_id
     WHERE u.deleted_at IS NULL AND (p.organization_id = ANY (p_organizations)
       OR u.email_confirmed AND lower(u.email) IN (SELECT lower(e) FROM unnest(p_emails) AS e)) $$`,
  ...runAsDefiner('crm', 'app.linkable_profile(uuid, uuid[], text[])'),
];
