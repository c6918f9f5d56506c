import { Transform } from 'class-transformer';
import { IsEmail, Matches, MaxLength } from 'class-validator';

/**
 * Addresses are kept and compared in this form: without white space around, in lower case. Only what is ASCII already is folded:
 * the Kelvin sign, whose lower case is k, would make one address of two.
 */
export const normalizeEmail = (email: string): string => (isAscii(email) ? email.trim().toLowerCase() : email);

// eslint-disable-next-line no-control-regex -- all of ASCII, white space included, which is trimmed
const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text);

/**
 * An e-mail address, normalised. Two accounts never share a mailbox by ways of writing: beyond ASCII an address is refused, not
 * folded (a domain in other scripts is written in its ASCII form, `xn--`), and so is a quoted local part, as `"ada"@a.example`
 * is `ada@a.example`. Dots and tags mean what the mailbox's host says, so they tell addresses apart.
 */
export const EmailAddress =
  (message = 'Unable to validate email address: invalid format'): PropertyDecorator =>
  (target, property) => {
    Transform(({ value }) => (typeof value === 'string' ? normalizeEmail(value) : (value as unknown)))(
      target,
      property,
    );
    MaxLength(254, { message })(target, property);
    Matches(/^[\x21\x23-\x7e]+$/, { message })(target, property);
    IsEmail({}, { message })(target, property);
  };
