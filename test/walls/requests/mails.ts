import { newEmail } from '../../../services/identity/test/identity.js';
import { nothing, type Prepare } from './prepared.js';

const toSomebody: Prepare = () => ({ body: { email: newEmail() } });

/** Routes of identity that send mail, or take what stood in one. */
export const mails: Record<string, Prepare> = {
  'POST /auth/v1/recover': toSomebody,
  'POST /auth/v1/otp': toSomebody,
  'POST /auth/v1/magiclink': toSomebody,
  'POST /auth/v1/resend': () => ({ body: { type: 'signup', email: newEmail() } }),
  'POST /auth/v1/verify': () => ({ body: { type: 'email', email: newEmail(), token: '000000' } }),
  'GET /auth/v1/verify': () => ({ query: '?type=signup&token=unheard-of' }),
  'GET /auth/v1/reauthenticate': nothing,
  'POST /auth/v1/reauthenticate': nothing,
  'POST /auth/v1/invite': toSomebody,
  'POST /auth/v1/admin/generate_link': ({ tenant }) => ({
    body: { type: 'recovery', email: tenant.people.member.email },
  }),
};
