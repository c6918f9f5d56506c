import { Module } from '@nestjs/common';
import { ExpiryModule } from '../expiry/expiry.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { LicenseChangesService } from './license-changes.service.js';
import { LicenseFacts } from './license-facts.js';
import { LicenseModulesController } from './license-modules.controller.js';
import { LicenseModulesService } from './license-modules.service.js';
import { LicenseValidationController } from './license-validation.controller.js';
import { LicenseValidationService } from './license-validation.service.js';
import { LicensesController } from './licenses.controller.js';
import { LicensesService } from './licenses.service.js';
import { MyLicenseController } from './my-license.controller.js';
import { MyLicenseService } from './my-license.service.js';

@Module({
  imports: [OrganizationsModule, ExpiryModule],
  controllers: [LicenseValidationController, LicensesController, LicenseModulesController, MyLicenseController],
  providers: [
    LicensesService,
    LicenseChangesService,
    LicenseModulesService,
    LicenseFacts,
    LicenseValidationService,
    MyLicenseService,
  ],
})
export class LicensesModule {}
