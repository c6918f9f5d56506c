export { ServiceParts, type ServiceDefinition } from './service-parts.js';
export { ServiceIdentity } from './service-identity.js';
export { createService, runService, startService } from './start-service.js';
