export { Copies, type MissedEffect, type UnheardReferences } from './copies.js';
export { Copy, type CopyOptions, type PageEffect } from './copy.js';
export { Offers } from './offers.js';
export type { OfferedThing } from './offer-statements.js';
export { OwnerQuestions } from './owner-questions.js';
export { type Reconciled, Reconciliation } from './reconciliation.js';
export type { Fact, Revision } from './revision.js';
export { Snapshots } from './snapshots.js';
export { onlyGone, organizationAtIdentity, userAtIdentity } from './only-gone.js';
