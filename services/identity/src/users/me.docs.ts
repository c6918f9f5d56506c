import { component, docsOf, email, id, instant, nullable, times } from '#common/openapi/index';
import { organizationSchema } from '../organizations/organizations.docs.js';
import { profileSchema } from '../profiles/profiles.docs.js';
import { MeController } from './me.controller.js';

const account = component('Account', {
  id,
  email: nullable(email),
  emailConfirmedAt: nullable(instant),
  lastSignInAt: nullable(instant),
  ...times,
});

const me = component('Me', {
  user: account,
  profile: nullable(profileSchema),
  organization: nullable(organizationSchema),
});

export default [
  docsOf(MeController, 'Me', {
    read: { id: 'getMe', summary: 'Read account, profile and organization of the signed-in user', answer: me },
    erase: { id: 'deleteMe', summary: 'Erase the signed-in user everywhere', errors: ['last_owner'] },
  }),
];
