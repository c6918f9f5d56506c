export type { Readiness } from './health.controller.js';
export { createLogger, NestLogger } from './logger.js';
export { continueTrace, type Trace } from './trace.js';
