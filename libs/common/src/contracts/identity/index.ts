export * from './llm-api-key-events.js';
export * from './llm-key-questions.js';
export * from './organization-events.js';
export * from './preference-events.js';
export * from './profile-events.js';
export * from './user-events.js';
