import { Transform } from 'class-transformer';
import { IsEmail, Matches, MaxLength } from 'class-validator';

/** Addresses are kept and compared in this form. */
export const normalizeEmail = (email: string): string => email.trim().toLowerCase();

/**
 * An e-mail address, normalised; a domain in other scripts is written in its ASCII form, so that lower case means the same to
 * everybody.
 */
export const EmailAddress = (): PropertyDecorator => (target, property) => {
  const message = 'Unable to validate email address: invalid format';
  Transform(({ value }) => (typeof value === 'string' ? normalizeEmail(value) : (value as unknown)))(target, property);
  MaxLength(254, { message })(target, property);
  Matches(/^[\x21-\x7e]+$/, { message })(target, property);
  IsEmail({}, { message })(target, property);
};
