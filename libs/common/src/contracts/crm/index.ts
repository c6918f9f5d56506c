export * from './customer-events.js';
