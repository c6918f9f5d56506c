export { Flag } from './flag.js';
export { loadConfig } from './load-config.js';
export { AreNetworks, List } from './networks.js';
export { HttpConfig, ServiceConfig } from './service-config.js';
