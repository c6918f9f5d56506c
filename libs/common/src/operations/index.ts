export { admitPlatformAdmin } from './admission.js';
export {
  beginDeletion,
  type Deletion,
  deletionColumns,
  type DeletionKind,
  finishDeletion,
  readDeletions,
} from './deletions.js';
export { overallState, stateAt } from './deletions-admin.js';
export { type ParkedRow, readParked } from './parked-page.js';
export { requestRebuild } from './rebuild.js';
export { readServiceState, type ServiceState } from './service-state.js';
export { Sweep } from './sweep.js';
