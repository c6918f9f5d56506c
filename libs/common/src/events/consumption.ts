import { AckPolicy, type ConsumerMessages, DeliverPolicy } from '@nats-io/jetstream';
import { type ServiceName, topology } from '../contracts/topology.js';
import { batchSize } from './applier.js';
import { type Broker, nanos } from './broker.js';
import type { Beginning } from './position.js';

export interface Consumption {
  /** When the stream was made. */
  readonly created: Date;
  readonly messages: ConsumerMessages;
}

export interface ConsumptionOptions {
  readonly service: ServiceName;
  readonly source: ServiceName;
  readonly beginning: Beginning;
}

/** The consumer is made anew each time, in memory, without acknowledgements: the position is ours to keep. */
export async function consume(
  broker: Broker,
  { service, source, beginning }: ConsumptionOptions,
): Promise<Consumption> {
  const { stream } = topology[source];
  const { streamCreated, streamSequence } = beginning;
  const manager = await broker.manager();
  const { created: createdText, state } = await manager.streams.info(stream);
  const created = new Date(createdText);
  const known = streamCreated?.getTime() === created.getTime() && streamSequence <= state.last_seq;
  await manager.consumers.delete(stream, service).catch(() => false);
  await manager.consumers.add(stream, {
    name: service,
    ack_policy: AckPolicy.None,
    mem_storage: true,
    inactive_threshold: nanos(60_000),
    ...(known
      ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: streamSequence + 1 }
      : { deliver_policy: DeliverPolicy.All }),
  });
  const consumer = await broker.jetstream().consumers.get(stream, service);
  return {
    created,
    messages: await consumer.consume({ max_messages: 2 * batchSize, abort_on_missing_resource: true }),
  };
}
