import { roles } from '#common/auth/index';
import { component, docsOf, email, id, instant, nullable, oneOf, pageOf, text, times } from '#common/openapi/index';
import { InvitationsController } from '../invitations/invitations.controller.js';
import type { profileAnswer } from './profile.columns.js';
import { ProfilesController } from './profiles.controller.js';

const fields = {
  id,
  organizationId: id,
  userId: nullable(id),
  email: nullable(email),
  role: oneOf(...roles),
  status: oneOf('invited', 'active'),
  invitationExpiresAt: nullable(instant),
  ...times,
};

export const profileSchema = component<ReturnType<typeof profileAnswer>>('Profile', fields, {
  description: 'That somebody belongs to an organization, or is invited to.',
});

const invited = component(
  'InvitedProfile',
  {
    ...fields,
    invitationToken: {
      ...text('q0yqSN1yDDYuLMGh5ZlUqg'),
      description: 'Only where addresses are confirmed at once; else only the mail has it.',
    },
  },
  { optional: ['invitationToken'] },
);

const managed = ['insufficient_role'];

export default [
  docsOf(ProfilesController, 'Organizations', {
    list: { id: 'listProfiles', summary: 'List who belongs to an organization', answer: pageOf(profileSchema) },
    invite: {
      id: 'inviteProfile',
      summary: 'Invite somebody into an organization',
      answer: invited,
      errors: [...managed, 'operator_only', 'already_member', 'already_invited', 'over_email_send_rate_limit'],
      example: { role: 'member' },
    },
    inviteAgain: {
      id: 'resendInvitation',
      summary: 'Send an invitation again',
      answer: invited,
      errors: [...managed, 'already_member', 'over_email_send_rate_limit'],
    },
    read: { id: 'getProfile', summary: 'Read a profile', answer: profileSchema },
    change: {
      id: 'changeProfile',
      summary: 'Change somebody’s role',
      answer: profileSchema,
      errors: [...managed, 'operator_only', 'last_owner'],
      example: { role: 'admin' },
    },
    remove: { id: 'deleteProfile', summary: 'Remove somebody, or leave', errors: [...managed, 'last_owner'] },
  }),
  docsOf(InvitationsController, 'Organizations', {
    accept: {
      id: 'acceptInvitation',
      summary: 'Accept an invitation',
      description: 'By the signed-in user with that address, confirmed.',
      answer: profileSchema,
      errors: ['already_member', 'invitation_not_found'],
    },
  }),
];
