import { docsOf, object, type Schema, text, url } from '#common/openapi/index';
import { nothing } from '../auth.docs.js';
import { AuthorizeQuery } from './dto.js';
import { OidcController } from './oidc.controller.js';

const location: Readonly<Record<string, Schema>> = { location: text('https://provider.example/authorize?state=…') };

export default [
  docsOf(OidcController, 'Sign-in', {
    authorize: {
      id: 'authorize',
      summary: 'Go to a provider to sign in there',
      query: [AuthorizeQuery, { state: text('c7iN2V9v0r8') }],
      answers: { 302: { description: 'To the provider, or back to the site with why not.', headers: location } },
    },
    callback: {
      id: 'comeBack',
      summary: 'Come back from a provider',
      query: { state: text('c7iN2V9v0r8'), code: text('4/0AeaYSH'), error: text('access_denied') },
      answers: { 302: { description: 'To the application, with what came of it.', headers: location } },
    },
    link: {
      id: 'linkIdentity',
      summary: 'Begin to link an identity at a provider',
      query: AuthorizeQuery,
      answer: object({ url: url('https://api.example.com/auth/v1/authorize?state=c7iN2V9v0r8') }),
      errors: ['forbidden'],
    },
    unlink: {
      id: 'unlinkIdentity',
      summary: 'Unlink an identity',
      answer: nothing,
      errors: ['identity_not_found', 'single_identity_not_deletable', 'email_identity_not_deletable'],
    },
  }),
];
