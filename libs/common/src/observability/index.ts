export type { Readiness } from './health.controller.js';
export { Metrics, type Sample } from './metrics.js';
export { isProbe, RequestMetrics, requestStep, streamRoute } from './request-metrics.js';
export { createLogger, NestLogger } from './logger.js';
export { failureOf } from './span.js';
export { type Client, continueTrace, type RecordedTrace, type Trace } from './trace.js';
export { startTracing } from './start-tracing.js';
export { adoptingTraces, type Tracing, untraced } from './tracing.js';
