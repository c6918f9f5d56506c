import type { ServiceName } from '../contracts/topology.js';

/** Which service this process is; injectable. */
export class ServiceIdentity {
  constructor(readonly name: ServiceName) {}
}
