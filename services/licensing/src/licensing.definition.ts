import type { ServiceDefinition } from '#common/bootstrap/index';
import { loadConfig } from '#common/config/index';
import { entities } from './database/entities.js';
import { ExpiryModule } from './expiry/expiry.module.js';
import { LicensesModule } from './licenses/licenses.module.js';
import { LicensingConfig } from './licensing.config.js';
import { moduleCodeTaken } from './modules/module.errors.js';
import { ModulesModule } from './modules/modules.module.js';
import { OrganizationsModule } from './organizations/organizations.module.js';

export const defineLicensing = (environment: NodeJS.ProcessEnv): ServiceDefinition<LicensingConfig> => ({
  name: 'licensing',
  config: loadConfig(LicensingConfig, environment),
  configType: LicensingConfig,
  entities,
  constraints: { modules_code_key: moduleCodeTaken },
  imports: [ModulesModule, OrganizationsModule, ExpiryModule, LicensesModule],
});
