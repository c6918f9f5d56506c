export * from './license-events.js';
