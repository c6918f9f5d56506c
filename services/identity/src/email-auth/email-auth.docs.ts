import { anyObject, docsOf, oneOf, type OperationDoc, type Schema, text } from '#common/openapi/index';
import { nothing, redirectTo, sessionSchema } from '../auth/auth.docs.js';
import { linkSchema, userSchema } from '../auth/user.docs.js';
import { AdminMailController } from './admin-mail.controller.js';
import {
  GenerateLinkBody,
  InviteBody,
  OtpBody,
  RecoverBody,
  ResendBody,
  verificationTypes,
  VerifyBody,
} from './dto/bodies.js';
import { EmailAuthController } from './email-auth.controller.js';

const alike = 'Answered alike whether anybody has the address.';
const mail = (id: string, summary: string, body: NonNullable<OperationDoc['body']>): OperationDoc => ({
  id,
  summary,
  description: alike,
  body,
  query: redirectTo,
  answer: nothing,
  errors: ['over_email_send_rate_limit', 'over_request_rate_limit'],
});

const location: Readonly<Record<string, Schema>> = { location: text('https://app.example.com/welcome#access_token=…') };

export default [
  docsOf(EmailAuthController, 'Sign-in', {
    recover: mail('recoverPassword', 'Ask for a mail that recovers a password', RecoverBody),
    otp: mail('sendCode', 'Ask for a code, and a link, to sign in', OtpBody),
    magicLink: mail('sendMagicLink', 'Ask for a link to sign in', OtpBody),
    resend: mail('resendMail', 'Ask for a mail again', ResendBody),
    verify: {
      id: 'verifyCode',
      summary: 'Sign in by a code, or by what stands in a link',
      body: VerifyBody,
      answer: { anyOf: [sessionSchema, anyObject({ msg: 'Confirmation link accepted.', code: '200' })] },
      errors: ['otp_expired', 'user_banned', 'email_exists', 'user_not_found'],
      example: { email: 'ada@example.com', token: '123456', token_hash: undefined },
    },
    followLink: {
      id: 'followLink',
      summary: 'Follow the link of a mail',
      query: {
        type: oneOf(...verificationTypes),
        token: text('6f1f0a4c2b11', { minLength: 1, maxLength: 200 }),
        ...redirectTo,
      },
      required: ['type', 'token'],
      answers: { 303: { description: 'To the application, with what came of it.', headers: location } },
    },
  }),
  docsOf(AdminMailController, 'Users', {
    invite: {
      id: 'inviteUser',
      summary: 'Invite somebody by mail',
      body: InviteBody,
      query: redirectTo,
      answer: userSchema,
      errors: ['email_exists', 'over_email_send_rate_limit'],
    },
    generateLink: {
      id: 'generateLink',
      summary: 'Make the link that a mail would carry',
      body: GenerateLinkBody,
      query: redirectTo,
      answer: linkSchema,
      errors: ['email_exists', 'user_not_found', 'weak_password', 'over_request_rate_limit'],
      example: { type: 'recovery', new_email: undefined, password: undefined },
    },
  }),
];
