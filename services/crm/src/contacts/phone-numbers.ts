import { Injectable } from '@nestjs/common';
import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js';
import { invalid } from '#common/http/index';
import { CrmConfig } from '../crm.config.js';

/** Digits of an E.164 number: 15 at most; the shortest in use, country code included, have 7. */
const e164 = /^\+\d{7,15}$/;

/** Brings phone numbers into the one form by which they are compared. */
@Injectable()
export class PhoneNumbers {
  constructor(private readonly config: CrmConfig) {}

  /**
   * E.164 of a number, without its extension. A number without `+` is read as one of DEFAULT_PHONE_COUNTRY. That a number
   * is in use is not asked for: numbering plans change faster than libraries.
   * Raises 400, at the pointer, for what cannot be normalised.
   */
  normalize(phone: string, pointer: string): string {
    const country = this.config.DEFAULT_PHONE_COUNTRY as CountryCode | undefined;
    const number = parsePhoneNumberFromString(phone, { ...(country && { defaultCountry: country }), extract: false });
    if (number && e164.test(number.number)) return number.number;
    throw invalid(pointer, 'phone must be a phone number with its country code, such as +44 20 7946 0123');
  }
}
