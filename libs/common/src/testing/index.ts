export { copyDatabase, restoreDatabase } from './database-copies.js';
export { EventSourcePeer, type PeerEvent } from './event-source-peer.js';
export { eventually } from './eventually.js';
export { rowsRead } from './explain.js';
export { type Answer, HttpClient } from './http-client.js';
export { IdentityPeer, type PeerMember, type PeerUser } from './identity-peer.js';
export { infrastructure } from './infrastructure.js';
export { LicensingPeer } from './licensing-peer.js';
export { type Define, type TestService, TestStack } from './test-stack.js';
