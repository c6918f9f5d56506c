import {
  boolean,
  component,
  constant,
  docsOf,
  integer,
  listOf,
  object,
  oneOf,
  type Schema,
  text,
  url,
} from '#common/openapi/index';
import { AccountController } from './account.controller.js';
import { AuthController } from './auth.controller.js';
import { IdTokenBody } from './external/dto.js';
import { PkceBody, RefreshBody, SignInBody, SignUpBody, UpdateUserBody } from './dto/bodies.js';
import { JwksController } from './keys/jwks.controller.js';
import { userSchema } from './user.docs.js';

export const sessionSchema = component('AuthSession', {
  access_token: text('eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIwMTk5ZDJhOCJ9.c2lnbmF0dXJl'),
  token_type: constant('bearer'),
  expires_in: integer(3_600),
  expires_at: integer(1_769_860_800),
  refresh_token: text('q0yqSN1yDDYuLMGh5ZlUqg'),
  user: userSchema,
});

/** Where a mail's link leads in the end; what is not allowed leads to the site. */
export const redirectTo: Readonly<Record<string, Schema>> = {
  redirect_to: {
    ...url('https://app.example.com/welcome'),
    description: 'Where the link leads in the end; what the operator does not allow leads to the site.',
  },
};

export const nothing = object({});

const settings = component('AuthSettings', {
  external: {
    type: 'object',
    additionalProperties: { type: 'boolean' },
    examples: [{ email: true, phone: false, anonymous_users: false }],
  },
  disable_signup: boolean(false),
  mailer_autoconfirm: boolean(false),
  phone_autoconfirm: boolean(false),
  sms_provider: text(''),
  saml_enabled: boolean(false),
});

const jwk = component('PublicKey', {
  kid: text('0199d2a8-4b1e-7c07-9a53-6f1f0a4c2b11'),
  kty: constant('EC'),
  crv: constant('P-256'),
  x: text('f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU'),
  y: text('x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0'),
  alg: constant('ES256'),
  use: constant('sig'),
  key_ops: { ...listOf(constant('verify')), examples: [['verify']] },
});
const keySet = component('PublicKeys', { keys: listOf(jwk) });

const grants = [
  'invalid_credentials',
  '400 email_not_confirmed',
  'user_banned',
  'refresh_token_not_found',
  'refresh_token_already_used',
  'flow_state_not_found',
  'flow_state_expired',
  'bad_code_verifier',
  'bad_jwt',
  'email_exists',
  'user_already_exists',
  'identity_already_exists',
  'user_not_found',
  'over_request_rate_limit',
  'session_revoked',
];

const reauthenticated = ['422 email_not_confirmed', 'over_email_send_rate_limit', 'session_revoked'];

/** A route that answers GET and POST alike; its two operations need two names. */
const reauthenticate = (id: string) => ({
  id,
  summary: 'Ask for a code by mail, which proves who one is',
  answer: nothing,
  errors: reauthenticated,
});

export default [
  docsOf(AuthController, 'Sign-in', {
    signUp: {
      id: 'signUp',
      summary: 'Sign up',
      description: 'Answers a session where addresses are confirmed at once, else the user, who is sent a mail.',
      body: SignUpBody,
      query: redirectTo,
      answer: { anyOf: [sessionSchema, userSchema] },
      errors: ['weak_password', 'user_already_exists', 'over_email_send_rate_limit', 'over_request_rate_limit'],
    },
    token: {
      id: 'signIn',
      summary: 'Sign in, or refresh a session',
      description:
        'What the body has to be depends on `grant_type`: a password, a refresh token, a code (PKCE) or an ID token.',
      query: { grant_type: oneOf('password', 'refresh_token', 'pkce', 'id_token') },
      required: ['grant_type'],
      body: [SignInBody, RefreshBody, PkceBody, IdTokenBody],
      answer: sessionSchema,
      errors: grants,
    },
    settings: { id: 'getAuthSettings', summary: 'Read how one may sign in here', answer: settings },
    health: {
      id: 'getAuthHealth',
      summary: 'Ask whether sign-in is there',
      answer: object({
        name: text('Clarity'),
        version: text('1'),
        description: text('Clarity speaks the API of Supabase Auth'),
      }),
    },
  }),
  docsOf(AccountController, 'Account', {
    user: { id: 'getUser', summary: 'Read the signed-in user', answer: userSchema },
    update: {
      id: 'changeUser',
      summary: 'Change address, password or metadata',
      description:
        'A new password ends all other sessions; a new address has to be confirmed by mail; `data` is merged into the metadata.',
      body: UpdateUserBody,
      query: redirectTo,
      answer: userSchema,
      errors: [
        'weak_password',
        'same_password',
        'email_exists',
        'reauthentication_needed',
        'reauthentication_not_valid',
        '401 insufficient_aal',
        'over_email_send_rate_limit',
        'over_request_rate_limit',
      ],
      example: { email: undefined, password: undefined, nonce: undefined, data: { theme: 'dark' } },
    },
    logout: {
      id: 'signOut',
      summary: 'Sign out',
      query: { scope: { ...oneOf('global', 'local', 'others'), default: 'global' } },
    },
    reauthenticateByGet: reauthenticate('reauthenticateByGet'),
    reauthenticate: reauthenticate('reauthenticate'),
  }),
  docsOf(JwksController, 'Sign-in', {
    keys: {
      id: 'getPublicKeys',
      alias: 'getAuthPublicKeys',
      summary: 'Read the keys by which access tokens are verified',
      answer: keySet,
    },
  }),
];
