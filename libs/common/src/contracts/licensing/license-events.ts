import { IsArray, IsBoolean, IsISO8601, IsInt, IsString, IsUUID } from 'class-validator';
import { EventContract, OrNull } from '../contract.js';

const license = {
  licenseId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a05',
  organizationId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a01',
  expirationDate: '2026-12-06T09:30:00.000Z',
  suspended: false,
  revoked: false,
  modules: ['conversations', 'crm', 'functions'],
};

/** What every license event carries: the state after it, without the license key. */
export abstract class LicenseState {
  @IsUUID('loose') licenseId!: string;
  @IsUUID('loose') organizationId!: string;
  /** Null: never expires. */
  @OrNull() @IsISO8601() expirationDate!: string | null;
  @IsBoolean() suspended!: boolean;
  @IsBoolean() revoked!: boolean;
  /** Codes of the modules granted, sorted. */
  @IsArray() @IsString({ each: true }) modules!: string[];
}

@EventContract({
  type: 'license.issued',
  source: 'licensing',
  version: 1,
  description: 'An organization holds a new license.',
  example: license,
})
export class LicenseIssued extends LicenseState {}

@EventContract({
  type: 'license.renewed',
  source: 'licensing',
  version: 1,
  description: 'A license has another expiration date; it may also lie before the former one.',
  example: license,
})
export class LicenseRenewed extends LicenseState {}

@EventContract({
  type: 'license.suspended',
  source: 'licensing',
  version: 1,
  description: 'A license grants nothing until it is reinstated.',
  example: { ...license, suspended: true },
})
export class LicenseSuspended extends LicenseState {}

@EventContract({
  type: 'license.reinstated',
  source: 'licensing',
  version: 1,
  description: 'A suspended license is in force again.',
  example: license,
})
export class LicenseReinstated extends LicenseState {}

@EventContract({
  type: 'license.revoked',
  source: 'licensing',
  version: 1,
  description: 'A license has ended for good.',
  example: { ...license, revoked: true },
})
export class LicenseRevoked extends LicenseState {}

@EventContract({
  type: 'license.expiring',
  source: 'licensing',
  version: 1,
  description: 'A license expires within 30, 7 or 1 days.',
  example: { ...license, daysLeft: 7 },
})
export class LicenseExpiring extends LicenseState {
  /** The threshold that was crossed: 30, 7 or 1. */
  @IsInt() daysLeft!: number;
}

@EventContract({
  type: 'license.expired',
  source: 'licensing',
  version: 1,
  description: 'The expiration date of a license has passed; told exactly once per license and date.',
  example: license,
})
export class LicenseExpired extends LicenseState {}

@EventContract({
  type: 'license.module_added',
  source: 'licensing',
  version: 1,
  description: 'A license grants one more module.',
  example: { ...license, module: 'crm' },
})
export class LicenseModuleAdded extends LicenseState {
  @IsString() module!: string;
}

@EventContract({
  type: 'license.module_removed',
  source: 'licensing',
  version: 1,
  description: 'A license grants one module less.',
  example: { ...license, modules: ['conversations', 'crm'], module: 'functions' },
})
export class LicenseModuleRemoved extends LicenseState {
  @IsString() module!: string;
}
