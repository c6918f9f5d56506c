export {
  allContracts,
  contractOf,
  EventContract,
  OrNull,
  type EventClass,
  type EventContractOptions,
} from './contract.js';
export * from './conversations/index.js';
export * from './crm/index.js';
export * from './identity/index.js';
export * from './licensing/index.js';
export * from './topology.js';
