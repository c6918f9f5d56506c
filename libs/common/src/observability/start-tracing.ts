import type { Logger } from 'pino';
import type { HttpConfig } from '../config/service-config.js';
import { type Tracing, untraced } from './tracing.js';

/** Records traces where a collector is named. Else nothing of OpenTelemetry is even loaded. */
export async function startTracing(
  process: string,
  { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }: HttpConfig,
  logger: Logger,
): Promise<Tracing> {
  if (endpoint === undefined) return untraced;
  const { RecordedTraces } = await import('./recorded-traces.js');
  return new RecordedTraces(process, endpoint, logger);
}
