import {
  boolean,
  component,
  docsOf,
  id,
  instant,
  listOf,
  nullable,
  oneOf,
  pageOf,
  text,
  times,
} from '#common/openapi/index';
import { LicenseModulesController } from './license-modules.controller.js';
import { LicenseValidationController } from './license-validation.controller.js';
import type { Verdict } from './license-validation.service.js';
import { LicensesController } from './licenses.controller.js';
import { MyLicenseController } from './my-license.controller.js';

const statuses = ['active', 'expiring', 'expired', 'suspended', 'revoked'] as const;
const failures = ['NOT_FOUND', 'REVOKED', 'SUSPENDED', 'EXPIRED', 'MODULE_MISSING', 'ORGANIZATION_MISMATCH'] as const;
const codes = listOf(text('crm'));

const license = component('License', {
  id,
  organizationId: id,
  licenseKey: id,
  expirationDate: nullable(instant),
  status: oneOf(...statuses),
  modules: { ...codes, description: 'Codes of the modules that it grants.' },
  ...times,
  suspendedAt: nullable(instant),
  revokedAt: nullable(instant),
});

const grant = component('LicenseModule', {
  id,
  licenseId: id,
  moduleId: id,
  code: text('crm'),
  name: text('CRM'),
  createdAt: nullable(instant),
});

const myLicense = component('MyLicense', {
  organizationId: id,
  status: { ...oneOf(...statuses, 'none'), description: 'The best that a license of the organization has.' },
  modules: { ...codes, description: 'Codes that at least one license in force grants.' },
  checkedAt: instant,
  nextChangeAt: { ...nullable(instant), description: 'When the first license in force expires.' },
});

const judged = { id, status: oneOf(...statuses), expirationDate: nullable(instant) };
const verdict = component<Verdict>(
  'LicenseVerdict',
  {
    valid: boolean(true),
    code: { ...oneOf('VALID', ...failures), description: 'The first of `codes`; `VALID` when nothing fails.' },
    codes: { ...listOf(oneOf(...failures)), description: 'Everything that fails.', examples: [[]] },
    license: component<NonNullable<Verdict['license']>>('JudgedLicense', judged),
    modules: { ...codes, description: 'Codes of all modules that the license grants.' },
    checkedAt: instant,
    nextChangeAt: {
      ...nullable(instant),
      description: 'When time alone changes the verdict; null when it never does.',
    },
  },
  { optional: ['license', 'modules'] },
);

const ended = ['license_revoked'];

export default [
  docsOf(LicensesController, 'Licenses', {
    list: { id: 'listLicenses', summary: 'List licenses', answer: pageOf(license) },
    get: { id: 'getLicense', summary: 'Read a license', answer: license },
    issue: {
      id: 'issueLicense',
      summary: 'Issue a license',
      answer: license,
      errors: ['reference_not_found'],
      example: { expirationDate: '2099-12-31T00:00:00Z' },
    },
    renew: {
      id: 'renewLicense',
      summary: 'Renew a license',
      description: 'Either to a date, or by a duration.',
      answer: license,
      errors: [...ended, 'license_never_expires'],
      example: { expirationDate: undefined, duration: 'P1Y', from: 'now_if_expired' },
    },
    suspend: { id: 'suspendLicense', summary: 'Suspend a license', answer: license, errors: ended },
    reinstate: { id: 'reinstateLicense', summary: 'Reinstate a suspended license', answer: license, errors: ended },
    revoke: { id: 'revokeLicense', summary: 'Revoke a license for good', answer: license },
  }),
  docsOf(LicenseModulesController, 'Licenses', {
    list: { id: 'listLicenseModules', summary: 'List the modules that a license grants', answer: pageOf(grant) },
    grant: {
      id: 'grantLicenseModule',
      summary: 'Have a license grant a module',
      answers: {
        200: { description: 'The license granted the module already.', schema: grant },
        201: { description: 'It does now.', schema: grant },
      },
      errors: [...ended, 'reference_not_found'],
    },
    withdraw: { id: 'withdrawLicenseModule', summary: 'Withdraw a module from a license', errors: ended },
  }),
  docsOf(LicenseValidationController, 'Licenses', {
    validate: { id: 'validateLicense', summary: 'Ask whether a license key is good', answer: verdict },
  }),
  docsOf(MyLicenseController, 'Licenses', {
    get: { id: 'getMyLicense', summary: 'Read what the own organization may use now', answer: myLicense },
  }),
];
