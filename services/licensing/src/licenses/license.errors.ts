import { Problem } from '#common/http/index';

export const licenseIsRevoked = (): Problem =>
  new Problem(409, 'license_revoked', 'A revoked license has ended for good; issue another one.');

export const licenseNeverExpires = (): Problem =>
  new Problem(409, 'license_never_expires', 'The license has no expiration date to count from; count from now.');
