import type { ServiceDefinition } from '#common/bootstrap/index';
import { loadConfig } from '#common/config/index';
import { ContactsModule } from './contacts/contacts.module.js';
import { CrmConfig } from './crm.config.js';
import { constraints } from './customers/customers.errors.js';
import { CustomersModule } from './customers/customers.module.js';
import { entities } from './database/entities.js';
import { LinksModule } from './links/links.module.js';
import { requestRemoval } from './links/organization-removals.js';

export const defineCrm = (environment: NodeJS.ProcessEnv): ServiceDefinition<CrmConfig> => ({
  name: 'crm',
  config: loadConfig(CrmConfig, environment),
  configType: CrmConfig,
  entities,
  constraints,
  longDeletions: { organization: requestRemoval },
  imports: [CustomersModule, ContactsModule, LinksModule],
});
