/** Who holds a customer, copied to every row that a policy guards: see the triggers. */
const holders = `organization_ids uuid[] NOT NULL DEFAULT '{}'`;

const customers = [
  `CREATE TABLE customers (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     name text NOT NULL,
     created_at timestamptz DEFAULT now(),
     updated_at timestamptz DEFAULT now(),
     first_name text NOT NULL,
     last_name text NOT NULL,
     version integer NOT NULL DEFAULT 1,
     ${holders},
     user_id uuid,
     CONSTRAINT customers_pkey PRIMARY KEY (id)
   )`,
];

const contacts = [
  `CREATE TABLE customer_email (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     customer_id uuid NOT NULL,
     email text NOT NULL,
     is_primary boolean DEFAULT false,
     created_at timestamptz DEFAULT now(),
     updated_at timestamptz DEFAULT now(),
     email_lower text NOT NULL DEFAULT '',
     ${holders},
     user_id uuid,
     CONSTRAINT customer_email_pkey PRIMARY KEY (id),
     CONSTRAINT customer_email_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE
   )`,
  `CREATE INDEX customer_email_of_customer ON customer_email (customer_id)`,
  `CREATE UNIQUE INDEX customer_email_primary ON customer_email (customer_id) WHERE is_primary`,
  `CREATE INDEX customer_email_lower ON customer_email (email_lower)`,
  `CREATE TABLE customer_phone (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     customer_id uuid NOT NULL,
     phone text NOT NULL,
     type text,
     is_primary boolean DEFAULT false,
     created_at timestamptz DEFAULT now(),
     updated_at timestamptz DEFAULT now(),
     phone_e164 text,
     ${holders},
     user_id uuid,
     CONSTRAINT customer_phone_pkey PRIMARY KEY (id),
     CONSTRAINT customer_phone_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE
   )`,
  `CREATE INDEX customer_phone_of_customer ON customer_phone (customer_id)`,
  `CREATE UNIQUE INDEX customer_phone_primary ON customer_phone (customer_id) WHERE is_primary`,
  `CREATE INDEX customer_phone_e164 ON customer_phone (phone_e164)`,
  `CREATE TABLE customer_address (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     customer_id uuid NOT NULL,
     address_line1 text,
     address_line2 text,
     city text NOT NULL,
     state text NOT NULL,
     postal_code text,
     country text,
     created_at timestamptz DEFAULT now(),
     updated_at timestamptz DEFAULT now(),
     ${holders},
     user_id uuid,
     CONSTRAINT customer_address_pkey PRIMARY KEY (id),
     CONSTRAINT customer_address_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE
   )`,
  `CREATE INDEX customer_address_of_customer ON customer_address (customer_id)`,
  `CREATE INDEX customer_address_city ON customer_address (city)`,
];

const links = [
  `CREATE TABLE customer_organization (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     customer_id uuid NOT NULL,
     organization_id uuid NOT NULL,
     created_at timestamptz DEFAULT now(),
     customer_created_at timestamptz NOT NULL DEFAULT '-infinity',
     CONSTRAINT customer_organization_pkey PRIMARY KEY (id),
     CONSTRAINT customer_organization_once UNIQUE (customer_id, organization_id),
     CONSTRAINT customer_organization_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE
   )`,
  `CREATE INDEX customer_organization_list
     ON customer_organization (organization_id, customer_created_at DESC, customer_id DESC)`,
  `CREATE TABLE customer_user (
     id uuid NOT NULL DEFAULT gen_random_uuid(),
     customer_id uuid NOT NULL,
     user_id uuid NOT NULL,
     created_at timestamptz DEFAULT now(),
     profile_id uuid,
     ${holders},
     CONSTRAINT customer_user_pkey PRIMARY KEY (id),
     CONSTRAINT customer_user_customer_once UNIQUE (customer_id),
     CONSTRAINT customer_user_user_once UNIQUE (user_id),
     CONSTRAINT customer_user_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE
   )`,
];

const organizations = [
  `CREATE TABLE ref_organization (
     organization_id uuid PRIMARY KEY,
     epoch integer NOT NULL,
     version integer NOT NULL,
     deleted_at timestamptz
   )`,
  `CREATE TABLE organization_removals (
     organization_id uuid PRIMARY KEY,
     horizon xid8,
     actor_id uuid,
     traceparent text NOT NULL,
     requested_at timestamptz NOT NULL DEFAULT now()
   )`,
];

export const tables = [...customers, ...contacts, ...links, ...organizations];
