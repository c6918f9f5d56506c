import { applications } from './applications.js';
import { Comments } from './comments.js';
import { Components, parameters } from './components.js';
import { Operations } from './operation.js';
import { Problems } from './problems.js';
import { allDocs, documentedRoutes } from './routes.js';

const tags: Readonly<Record<string, string>> = {
  'Sign-in': 'Sign-up, sign-in and recovery, as Supabase Auth has them: `@supabase/auth-js` works unmodified.',
  Account: 'The signed-in account and its second factors, as Supabase Auth has them.',
  Users: 'All accounts, for platform admins, as Supabase Auth has them.',
  Me: 'What belongs to the signed-in user.',
  Organizations: 'Organizations, who belongs to them, and what was done in them.',
  Licenses: 'What an organization may use, and until when.',
  Customers: 'Customers with their contacts and links.',
  Conversations: 'Conversations and their messages, each seen by its user alone.',
  Functions: 'Functions that a user keeps.',
  Events: 'What happens, as it happens.',
  Operation: 'For those who run the platform.',
  Gateway: 'The gateway’s own.',
};

const description = `Clarity in one document: every route of its services, behind one gateway.

**Conventions.** JSON in camelCase, times in ISO 8601 and UTC, ids as UUIDs. Unknown fields of a body are refused. Errors are
problem documents (RFC 9457) with a stable \`code\`; a row of another organization is a 404 like one that never was.
Lists are pages: \`limit\`, \`cursor\` and \`sort\` in, \`page.nextCursor\` out.
Below \`/auth/v1\` the forms are those of Supabase Auth: snake_case, unknown fields ignored, errors \`{ code, error_code, msg }\`.

**Limits.** Requests are counted per address and per caller, on some routes also per account: answers say in \`RateLimit-Policy\` and
\`RateLimit\` how much is left, and one too many is a 429 with \`Retry-After\`. A body has 1 MiB and 16 levels of JSON at most, an access token 8 kB, a part of the path 256 characters.
`;

/** Told to whom a link or a provider sends back, in its query: no answer has it. */
const toldElsewhere = ['400 bad_oauth_state'];

/** The OpenAPI document of the code as it is. */
export async function openapiDocument(): Promise<object> {
  const components = new Components();
  const problems = new Problems();
  const operations = new Operations(components, problems, new Comments());
  const routes = documentedRoutes(await applications(), await allDocs());
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method] = operations.operation(route);
  const forgotten = problems.unused().filter((one) => !toldElsewhere.includes(one));
  if (forgotten.length > 0) throw new Error(`no operation documents these problems: ${forgotten.join(', ')}`);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Clarity',
      version: '1',
      description,
      contact: { name: 'Clarity' },
    },
    servers: [{ url: '/', description: 'The gateway that serves this document.' }],
    tags: Object.entries(tags).map(([name, text]) => ({ name, description: text })),
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'An access token of `/auth/v1/token`.',
        },
      },
      parameters,
      headers: components.headers,
      schemas: sorted(components.schemas),
      responses: sorted(components.responses),
    },
  };
}

const sorted = (record: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
