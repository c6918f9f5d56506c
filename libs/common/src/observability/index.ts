export type { Readiness } from './health.controller.js';
export { Metrics, type Sample } from './metrics.js';
export { createLogger, NestLogger } from './logger.js';
export { type Client, continueTrace, type Trace } from './trace.js';
