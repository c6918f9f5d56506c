import type { ServiceName } from '#common/contracts/index';

type Column = readonly [type: string, nullable: boolean, defaultValue: string | null];

const id: Column = ['uuid', false, 'gen_random_uuid()'];
const created: Column = ['timestamp with time zone', true, 'now()'];
const requiredId: Column = ['uuid', false, null];
const text: Column = ['text', false, null];
const optionalText: Column = ['text', true, null];
const flag: Column = ['boolean', true, 'false'];
const dated = { created_at: created, updated_at: created };

/** The fifteen tables that Clarity took over, column for column, each in the one database that owns it. */
export const seedSchema: Readonly<Record<ServiceName, Readonly<Record<string, Readonly<Record<string, Column>>>>>> = {
  identity: {
    organizations: { id, name: text, ...dated },
    user_profile: { id, organization_id: requiredId, role: text, ...dated, user_id: ['uuid', true, null] },
    user_preferences: {
      id,
      user_id: requiredId,
      preference_key: text,
      preference_value: ['jsonb', true, null],
      ...dated,
    },
    llm_api_keys: { id, user_id: requiredId, provider: text, api_key: text, ...dated, verified: flag },
  },
  licensing: {
    licenses: {
      id,
      organization_id: requiredId,
      license_key: id,
      expiration_date: ['timestamp with time zone', true, null],
      ...dated,
    },
    license_modules: { id, license_id: requiredId, module_id: requiredId, created_at: created },
  },
  crm: {
    customers: { id, name: text, ...dated, first_name: text, last_name: text },
    customer_email: { id, customer_id: requiredId, email: text, is_primary: flag, ...dated },
    customer_phone: { id, customer_id: requiredId, phone: text, type: optionalText, is_primary: flag, ...dated },
    customer_organization: { id, customer_id: requiredId, organization_id: requiredId, created_at: created },
    customer_user: { id, customer_id: requiredId, user_id: requiredId, created_at: created },
    customer_address: {
      id,
      customer_id: requiredId,
      address_line1: optionalText,
      address_line2: optionalText,
      city: text,
      state: text,
      postal_code: optionalText,
      country: optionalText,
      ...dated,
    },
  },
  conversations: {
    conversations: {
      id,
      title: optionalText,
      subject: optionalText,
      ...dated,
      user_id: ['uuid', true, 'gen_random_uuid()'],
    },
    chat_messages: { id, conversation_id: requiredId, message_content: text, ...dated },
    functions: {
      id,
      created_by: requiredId,
      name: text,
      description: optionalText,
      created_at: ['timestamp with time zone', false, 'now()'],
      updated_at: created,
      code: text,
      user_id: ['uuid', true, null],
    },
  },
};

/** Columns that are unique alone. */
export const seedUnique = {
  identity: ['user_profile.user_id'],
  licensing: ['licenses.license_key'],
  crm: ['customer_user.customer_id', 'customer_user.user_id'],
  conversations: [],
} as const satisfies Record<ServiceName, readonly string[]>;

/** Relationships inside one service: `table.column` → the table it points to. */
export const seedReferences = {
  identity: {
    'user_profile.organization_id': 'organizations',
    'user_profile.user_id': 'users',
    'user_preferences.user_id': 'users',
    'llm_api_keys.user_id': 'users',
  },
  licensing: { 'license_modules.license_id': 'licenses', 'license_modules.module_id': 'modules' },
  crm: {
    'customer_email.customer_id': 'customers',
    'customer_phone.customer_id': 'customers',
    'customer_address.customer_id': 'customers',
    'customer_organization.customer_id': 'customers',
    'customer_user.customer_id': 'customers',
  },
  conversations: { 'chat_messages.conversation_id': 'conversations' },
} as const satisfies Record<ServiceName, Readonly<Record<string, string>>>;
