import { createHash } from 'node:crypto';
import type { Schema } from '#common/openapi/index';

/** What people would write into a field of this name. */
const byName: Readonly<Record<string, unknown>> = {
  email: 'ada@example.com',
  new_email: 'ada@lovelace.example',
  password: 'correct horse battery',
  firstName: 'Ada',
  lastName: 'Lovelace',
  name: 'Ada Lovelace',
  phone: '+44 20 7946 0123',
  type: 'mobile',
  addressLine1: '12 St James’s Square',
  city: 'London',
  state: 'England',
  postalCode: 'SW1Y 4JH',
  country: 'GB',
  title: 'Notes on the Analytical Engine',
  subject: 'Bernoulli numbers',
  messageContent: 'What is the seventh Bernoulli number?',
  description: 'Computes a Bernoulli number.',
  code: 'return 1 / 6;',
  parameters: { type: 'object', properties: { n: { type: 'integer' } } },
  modules: ['crm'],
  cursor: 'MjAyNi0wMS0zMVQxMjowMDowMFo',
  reason: 'The row is there now.',
  types: 'license.*,customer.*',
  after: 'i12.l5.c9.v3',
  createdAfter: '2026-01-31',
  updatedAfter: '2026-01-31T12:00:00Z',
  expiresBefore: '2026-12-31',
  expiresAfter: '2026-01-31',
  redirect_to: 'https://app.example.com/welcome',
  friendly_name: 'phone',
  issuer: 'Clarity',
  refresh_token: 'q0yqSN1yDDYuLMGh5ZlUqg',
  auth_code: '0199d2a8-4b1e-7c07-9a53-6f1f0a4c2b11',
  code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 's256',
  token: 'q0yqSN1yDDYuLMGh5ZlUqg',
  provider: 'acme',
  prompt: 'login',
  login_hint: 'ada@example.com',
  data: { theme: 'dark' },
  user_metadata: { theme: 'dark' },
  app_metadata: { plan: 'pro' },
};

/** Where a name such as `type` stands for a type of events. */
const eventTypes = ['profile.updated'];

/** An id that looks like one, the same for the same name. */
function uuidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return `0199d2a8-${hex.slice(0, 4)}-7${hex.slice(4, 7)}-9${hex.slice(7, 10)}-${hex.slice(10, 22)}`;
}

/** An example of what a schema describes: that of the schema, else by the name of the field, else what its type allows. */
export function exampleOf(schema: Schema, name = 'id'): unknown {
  const {
    examples,
    const: only,
    enum: values,
    anyOf,
    format,
  } = schema as Record<string, unknown[] | undefined> & {
    const?: unknown;
    format?: string;
  };
  if (only !== undefined) return only;
  if (examples?.length) return examples[0];
  if (values) return schema['default'] ?? values[0];
  if (anyOf) return exampleOf(anyOf[0] as Schema, name);
  if (format === 'uuid') return uuidOf(name);
  if (format === 'date-time') return '2026-01-31T12:00:00.000Z';
  const type = [schema['type']].flat()[0] as string | undefined;
  if (type === 'object' && schema['properties']) return objectOf(schema);
  const usual = wordsFor(name).find((value) => fits(value, type, schema['pattern'] as string | undefined));
  if (usual !== undefined) return usual;
  if (type === 'array') return [exampleOf(schema['items'] as Schema, name.replace(/s$/, ''))];
  return schema['default'] ?? { boolean: true, integer: 1, number: 1, object: {} }[type ?? 'object'] ?? 'text';
}

const wordsFor = (name: string): readonly unknown[] => [...(name in byName ? [byName[name]] : []), ...eventTypes];

function fits(value: unknown, type: string | undefined, pattern: string | undefined): boolean {
  const is = Array.isArray(value) ? 'array' : typeof value;
  if (eventTypes.includes(value as string) && !pattern?.includes('\\.')) return false;
  return (type === undefined || is === type) && (pattern === undefined || new RegExp(pattern, 'u').test(String(value)));
}

const objectOf = ({ properties }: Schema): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(properties as Readonly<Record<string, Schema>>).map(([name, schema]) => [
      name,
      exampleOf(schema, name),
    ]),
  );
