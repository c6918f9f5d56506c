import type { SystemUnitOfWork } from '../database/unit-of-work.js';

/** Days ahead for which the log has partitions; every look into the log opens them all. */
const daysAhead = 2;
/** Days for which the log is kept, beside the day under way; longer while an event is unpublished or not applied. */
const daysKept = 35;
/** Milliseconds between two looks after the partitions, and until the next when there was no lock to be had. */
const tendEvery = 60 * 60 * 1_000;
const tendAgain = 10_000;
/** Partitions dropped in a row at most. */
const dropLimit = 10;

/** The log's partitions by UTC day; every replica looks after them, one at a time. */
export class LogPartitions {
  private nextAt = -Infinity;

  constructor(private readonly system: SystemUnitOfWork) {}

  /** Makes those of the days ahead and drops old ones, once an hour; what fails is tried again then. */
  async tend(): Promise<void> {
    if (performance.now() < this.nextAt) return;
    this.nextAt = performance.now() + tendEvery;
    if (!(await this.call('events.make_log_partitions($1)', daysAhead))) this.nextAt = performance.now() + tendAgain;
    for (let dropped = 0; dropped < dropLimit; dropped += 1) {
      if (!(await this.call('events.drop_log_partition($1)', daysKept))) return;
    }
  }

  private async call(text: string, days: number): Promise<boolean> {
    const [row] = await this.system.read<{ done: boolean }>({ text: `SELECT ${text} AS done`, values: [days] });
    return row!.done;
  }
}
