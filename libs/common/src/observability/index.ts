export type { Readiness } from './health.controller.js';
export { Metrics, type Sample } from './metrics.js';
export { createLogger, NestLogger } from './logger.js';
export { continueTrace, type Trace } from './trace.js';
