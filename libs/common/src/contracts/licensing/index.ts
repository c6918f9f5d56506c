export * from './license-events.js';
export * from './module-events.js';
