import { type Letter, quoted } from './letter.js';

/** What a mail with a one-time token carries. */
export interface TokenValues {
  readonly link: string;
  readonly code: string;
  /** Of a user who changes the address. */
  readonly newEmail?: string;
}

export interface InvitationValues {
  readonly link: string;
  readonly organization: string;
  readonly inviter: string | null;
  readonly role: string;
}

/** A kind of mail. */
interface Template<Values> {
  /** Hours after which the mail is of no use any more, and is given up. */
  readonly hours: number;
  write(values: Values): Letter;
}

/** Hours for which links and codes hold. */
const tokenHours = 1;
const unasked = 'If you did not ask for this, you need not do anything.';
const validity = 'Link and code hold for one hour and can be used once.';

function withToken(subject: string, label: string, line: (newEmail: string) => string): Template<TokenValues> {
  const write = ({ link, code, newEmail = '' }: TokenValues): Letter => ({
    subject,
    lines: [line(quoted(newEmail)), validity],
    action: { label, url: link },
    code,
    closing: unasked,
  });
  return { hours: tokenHours, write };
}

/** Every mail that is sent, by name. */
export const templates = {
  signup: withToken(
    'Confirm your address',
    'Confirm my address',
    () => 'Welcome. Please confirm that this address is yours.',
  ),
  invite: withToken(
    'You have been invited',
    'Accept the invitation',
    () => 'An administrator has invited you to Clarity.',
  ),
  magiclink: withToken('Your link to sign in', 'Sign in', () => 'Here is the link to sign in that was asked for.'),
  recovery: withToken(
    'Reset your password',
    'Choose a new password',
    () => 'Somebody has asked to reset your password.',
  ),
  email_change_new: withToken(
    'Confirm your new address',
    'Confirm this address',
    () => 'Please confirm that this is the new address of your account.',
  ),
  email_change_current: withToken(
    'Confirm the change of your address',
    'Agree to the change',
    (newEmail) => `The address of your account is to become ${newEmail}. Please confirm that you want this.`,
  ),
  reauthentication: {
    hours: tokenHours,
    write: ({ code }: TokenValues): Letter => ({
      subject: 'Confirm that it is you',
      lines: ['Enter this code to go on. It holds for one hour and can be used once.'],
      code,
      closing: 'If you did not ask for this, somebody else may be signed in as you: change your password.',
    }),
  },
  account_exists: {
    hours: 24,
    write: ({ site }: { readonly site: string }): Letter => ({
      subject: 'You already have an account',
      lines: ['Somebody has tried to sign up with this address, which already has an account.'],
      action: { label: 'Sign in, or reset your password', url: site },
      closing: unasked,
    }),
  },
  email_changed: {
    hours: 24,
    write: ({ newEmail }: { readonly newEmail: string }): Letter => ({
      subject: 'Your address was changed',
      lines: [`The address of your account is now ${quoted(newEmail)}. Mail for it no longer comes here.`],
      closing: 'If this was not you, ask the operator of your application for help at once.',
    }),
  },
  invitation: {
    hours: 48,
    write: ({ link, organization, inviter, role }: InvitationValues): Letter => ({
      subject: `Join ${quoted(organization)}`,
      lines: [
        `${inviter === null ? 'You have been' : `${quoted(inviter)} has`} invited${inviter === null ? '' : ' you'} to “${quoted(organization)}” as ${quoted(role)}.`,
        'Sign in with this address to accept. The link holds for 48 hours and can be used once.',
      ],
      action: { label: 'Accept the invitation', url: link },
      closing: 'If you do not know who this is, you need not do anything.',
    }),
  },
} as const satisfies Readonly<Record<string, Template<never>>>;

export type TemplateName = keyof typeof templates;

/** What a template is filled with. */
export type ValuesOf<Name extends TemplateName> = Parameters<(typeof templates)[Name]['write']>[0];
