export { ServiceParts, type ServiceDefinition } from './common.module.js';
export { ServiceIdentity } from './service-identity.js';
export { runService, startService } from './start-service.js';
