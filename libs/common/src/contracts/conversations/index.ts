export * from './conversation-events.js';
export * from './function-events.js';
export * from './message-events.js';
