import type { Logger } from 'pino';
import { positionSubject, readersOf, type ServiceName } from '../contracts/topology.js';
import type { SystemUnitOfWork } from '../database/unit-of-work.js';
import type { Broker } from './broker.js';

/** What a subscriber tells the owner of the log, every 2 s while it leads. */
export interface ReportedPosition {
  readonly epoch: number;
  /** Sequence of the last event that took effect. */
  readonly applied: number;
  /** Number of parked events. */
  readonly parked: number;
  /** When it was so, by the subscriber's clock. */
  readonly at: string;
}

const largestInteger = 2 ** 31 - 1;

/**
 * Keeps how far the subscribers of this service's events have got. Who speaks stands in the subject, and NATS lets only that
 * subscriber publish there. One replica writes each report down.
 */
export class ReportedPositions {
  constructor(
    service: ServiceName,
    private readonly system: SystemUnitOfWork,
    broker: Broker,
    private readonly logger: Logger,
  ) {
    for (const subscriber of readersOf(service)) {
      const subject = positionSubject(service, subscriber);
      broker.hear(subject, (message) => void this.keep(subscriber, message.string()), 'owner');
    }
  }

  private async keep(subscriber: ServiceName, text: string): Promise<void> {
    try {
      const { epoch, applied, parked } = JSON.parse(text) as ReportedPosition;
      if (![epoch, applied, parked].every((number) => Number.isSafeInteger(number) && number >= 0)) return;
      if (epoch >= largestInteger) return;
      await this.system.read({
        text: `INSERT INTO events.subscriber (name, epoch, applied_sequence, parked) VALUES ($1, $2, $3, $4)
          ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, applied_sequence = excluded.applied_sequence,
            parked = excluded.parked, heard_at = now()`,
        values: [subscriber, epoch, applied, parked],
      });
    } catch (error) {
      this.logger.warn({ err: error, subscriber }, 'could not keep a position');
    }
  }
}
