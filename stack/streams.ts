import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import { serviceNames, topology } from '#common/contracts/topology';
import { outsideSubscriber } from './nats-config.js';

const second = 1_000;
const day = 24 * 60 * 60 * second;

/** JetStream's error when a stream of that name exists with another configuration. */
const streamNameInUse = 10_058;

/** One stream per service, over exactly its event types: on disk, 7 days, duplicates known for 2 minutes. */
export const streamConfigs: readonly (Partial<StreamConfig> & { name: string })[] = serviceNames.map((service) => ({
  name: topology[service].stream,
  subjects: [...topology[service].types],
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.Old,
  max_age: nanos(7 * day),
  duplicate_window: nanos(120 * second),
}));

/** Gives a stream the durable consumer through which whoever listens from outside misses nothing. */
const provideDurable = (manager: JetStreamManager, stream: string) =>
  manager.consumers.add(stream, {
    durable_name: outsideSubscriber,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
  });

/** Makes the streams that are missing; answers their names. */
export async function createMissingStreams(manager: JetStreamManager): Promise<string[]> {
  const existing = new Set<string>();
  for await (const name of manager.streams.names()) existing.add(name);
  const created: string[] = [];
  for (const config of streamConfigs) {
    if (existing.has(config.name)) continue;
    await manager.streams.add(config);
    await provideDurable(manager, config.name);
    created.push(config.name);
  }
  return created;
}

/** Makes what is missing and brings what differs back to the topology, such as a stream without a new event type. */
export async function alignStreams(manager: JetStreamManager): Promise<void> {
  for (const config of streamConfigs) {
    try {
      await manager.streams.add(config);
    } catch (error) {
      const differs = error instanceof JetStreamApiError && error.code === streamNameInUse;
      if (!differs) throw error;
      await manager.streams.update(config.name, config);
    }
    await provideDurable(manager, config.name);
  }
}
