import {
  anyObject,
  component,
  constant,
  email,
  id,
  instant,
  listOf,
  nullable,
  oneOf,
  text,
} from '#common/openapi/index';
import type { FactorAnswer } from '../mfa/factor.columns.js';

const metadata = anyObject({});

export const factorSchema = component<FactorAnswer>(
  'AuthFactor',
  {
    id,
    factor_type: constant('totp'),
    status: oneOf('unverified', 'verified'),
    friendly_name: text('phone'),
    created_at: instant,
    updated_at: instant,
    last_challenged_at: instant,
  },
  { optional: ['friendly_name', 'last_challenged_at'] },
);

const identitySchema = component(
  'AuthIdentity',
  {
    identity_id: id,
    id: text('0199d2a8-4b1e-7c07-9a53-6f1f0a4c2b11'),
    user_id: id,
    identity_data: metadata,
    provider: text('email'),
    last_sign_in_at: nullable(instant),
    created_at: nullable(instant),
    updated_at: nullable(instant),
    email: nullable(email),
  },
  { optional: ['email'] },
);

const user = {
  id,
  aud: constant('authenticated'),
  role: constant('authenticated'),
  email,
  new_email: email,
  invited_at: instant,
  email_confirmed_at: nullable(instant),
  phone: constant(''),
  confirmed_at: nullable(instant),
  last_sign_in_at: nullable(instant),
  app_metadata: metadata,
  user_metadata: metadata,
  identities: listOf(identitySchema),
  created_at: nullable(instant),
  updated_at: nullable(instant),
  is_anonymous: constant(false),
  factors: listOf(factorSchema),
  banned_until: instant,
};
const optional = ['new_email', 'invited_at', 'factors', 'banned_until'] as const;

export const userSchema = component('AuthUser', user, { description: 'A user as Supabase Auth has it.', optional });

export const linkSchema = component(
  'AuthLink',
  {
    ...user,
    action_link: text('https://api.example.com/auth/v1/verify?token=pkce_…&type=recovery'),
    email_otp: text('123456'),
    hashed_token: text('6f1f0a4c2b11'),
    verification_type: text('recovery'),
    redirect_to: text('https://app.example.com'),
  },
  { description: 'A user, and what a mail would have carried.', optional },
);
