import type { ServiceState } from '../operations/service-state.js';
import type { Metrics, Sample } from './metrics.js';

type Column<Row> = readonly [name: string, help: string, read: (row: Row) => number | null];

const ofService: readonly Column<ServiceState>[] = [
  ['outbox_events', 'Committed events that are not in the log yet', ({ outbox }) => outbox.size],
  ['outbox_oldest_seconds', 'Age of the oldest of them', ({ outbox }) => outbox.oldestSeconds],
  ['log_sequence', 'Sequence of the last event in the log', ({ head }) => head.sequence],
  ['log_epoch', 'Epoch of the log', ({ head }) => head.epoch],
  ['unpublished_events', 'Logged events that are not published', ({ head }) => head.sequence - head.publishedSequence],
  ['deletions_open', 'Deletions of users and organizations under way', ({ deletions }) => deletions.open],
  ['deletions_overdue', 'Those that are past their deadline', ({ deletions }) => deletions.overdue],
];

const ofSubscription: readonly Column<ServiceState['subscriptions'][number]>[] = [
  ['subscription_applied_sequence', 'Sequence of the last event applied', (row) => row.appliedSequence],
  ['subscription_stale_seconds', 'Age of what is known of the source', (row) => row.staleSeconds],
  ['subscription_parked_events', 'Events that are parked', (row) => row.parked],
];

const ofSubscriber: readonly Column<ServiceState['subscribers'][number]>[] = [
  ['subscriber_lag_events', 'Events of this service that the subscriber has not applied', (row) => row.lagEvents],
  ['subscriber_lag_seconds', 'Age of the oldest of them', (row) => row.lagSeconds],
  ['subscriber_parked_events', 'Events of this service that the subscriber has parked', (row) => row.parked],
];

/** Registers what the database tells; without its answer these have no samples, and `clarity_database_answers` is 0. */
export function observeState(metrics: Metrics, current: () => ServiceState | undefined): void {
  const add = <Row>(
    columns: readonly Column<Row>[],
    rowsOf: (state: ServiceState) => readonly Row[],
    labelsOf: (row: Row) => Readonly<Record<string, string>> = () => ({}),
    labelNames: readonly string[] = [],
  ): void => {
    const samplesOf = (row: Row, value: number | null): Sample[] =>
      value === null ? [] : [{ labels: labelsOf(row), value }];
    for (const [name, help, read] of columns) {
      const samples = () => (current() ? rowsOf(current()!) : []).flatMap((row) => samplesOf(row, read(row)));
      metrics.observe(`clarity_${name}`, help, samples, labelNames);
    }
  };
  const answers = (): number => (current() ? 1 : 0);
  metrics.observe('clarity_database_answers', 'Whether the database answered this scrape in time', answers);
  add(ofService, (state) => [state]);
  add(
    ofSubscription,
    ({ subscriptions }) => subscriptions,
    ({ source }) => ({ source }),
    ['source'],
  );
  add(
    ofSubscriber,
    ({ subscribers }) => subscribers,
    ({ subscriber }) => ({ subscriber }),
    ['subscriber'],
  );
}
