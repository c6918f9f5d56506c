import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Logger } from 'pino';
import { failureOf } from './span.js';

type Delivered = Parameters<SpanExporter['export']>[1];
type Result = Parameters<Delivered>[0];

/** Hands spans to an exporter and tells the log, once, that the collector takes none, and again when it does. */
export class SpanDelivery implements SpanExporter {
  private isFailing = false;

  constructor(
    private readonly exporter: SpanExporter,
    private readonly logger: Logger,
  ) {}

  export(spans: ReadableSpan[], done: Delivered): void {
    this.exporter.export(spans, (result) => {
      this.tell(result);
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }

  private tell({ error }: Result): void {
    const failed = error !== undefined;
    if (failed === this.isFailing) return;
    this.isFailing = failed;
    if (failed) this.logger.warn({ reason: failureOf(error) }, 'the collector takes no traces: they are lost');
    else this.logger.info('the collector takes traces again');
  }
}
