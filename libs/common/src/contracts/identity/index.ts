export * from './organization-events.js';
export * from './profile-events.js';
export * from './user-events.js';
