export { AdmissionQueue, overloaded, type Visit } from './admission-queue.js';
export { assertWithin, policyHeader, policyOf, type Quota, stateHeader, stateOf, tellQuota } from './quota.js';
export { RequestLimit } from './request-limit.js';
export { CountedBy, limitsOf } from './route-limits.js';
export { SeparateSharedLimit, SharedLimit } from './shared-limit.js';
export { useAdmission } from './use-admission.js';
