import { LicenseModule } from '../licenses/license-module.entity.js';
import { License } from '../licenses/license.entity.js';
import { Module } from '../modules/module.entity.js';
import { RefOrganization } from '../organizations/ref-organization.entity.js';

export const entities = [Module, License, LicenseModule, RefOrganization];
