export * from './operation.js';
export * from './schema.js';
