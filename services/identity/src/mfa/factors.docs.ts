import { component, constant, docsOf, id, integer, object, text } from '#common/openapi/index';
import { sessionSchema } from '../auth/auth.docs.js';
import { EnrollBody, VerifyFactorBody } from './dto/bodies.js';
import { FactorsController } from './factors.controller.js';

const totp = object({
  qr_code: text('<svg xmlns="http://www.w3.org/2000/svg"></svg>'),
  secret: text('JBSWY3DPEHPK3PXP'),
  uri: text('otpauth://totp/clarity:ada%40example.com?secret=JBSWY3DPEHPK3PXP'),
});
const enrolled = component('EnrolledFactor', { id, type: constant('totp'), friendly_name: text('phone'), totp });
const challenge = component('FactorChallenge', { id, type: constant('totp'), expires_at: integer(1_769_860_800) });

export default [
  docsOf(FactorsController, 'Account', {
    enroll: {
      id: 'enrollFactor',
      summary: 'Enroll a second factor',
      body: EnrollBody,
      answer: enrolled,
      errors: ['mfa_factor_name_conflict', 'too_many_enrolled_mfa_factors', '403 insufficient_aal'],
      example: { factor_type: 'totp' },
    },
    unenroll: {
      id: 'unenrollFactor',
      summary: 'Remove a second factor',
      answer: object({ id }),
      errors: ['404 mfa_factor_not_found', '422 insufficient_aal'],
    },
    challenge: {
      id: 'challengeFactor',
      summary: 'Ask for a challenge of a factor',
      answer: challenge,
      errors: ['404 mfa_factor_not_found'],
    },
    verify: {
      id: 'verifyFactor',
      summary: 'Answer a challenge with a code',
      body: VerifyFactorBody,
      answer: sessionSchema,
      errors: [
        'mfa_factor_not_found',
        'mfa_challenge_expired',
        'mfa_verification_failed',
        '403 insufficient_aal',
        'over_request_rate_limit',
      ],
      example: { code: '123456' },
    },
  }),
];
