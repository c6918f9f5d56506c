import { JetStreamApiCodes, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream';
import { type ServiceName, topology } from '../contracts/topology.js';
import type { Broker } from './broker.js';
import { fromMessage } from './envelope.js';

/** Messages looked at, from the last one backwards, for one that really is an event of this source. */
const searchedMessages = 100;

export interface StreamEnd {
  /** When the stream was made: another stream of the same name was made at another time. */
  readonly created: Date;
  /** Stream sequence of the last message, also when that message is no longer kept. */
  readonly lastSequence: number;
}

export interface CarriedEvent {
  readonly epoch: number;
  readonly sequence: number;
  readonly id: string;
}

/** A service's own stream as a witness of what was published. */
export class OwnStream {
  private readonly name: string;

  constructor(
    private readonly service: ServiceName,
    private readonly broker: Broker,
  ) {
    this.name = topology[service].stream;
  }

  /** Null while there is no such stream; raises 503 without NATS. */
  async end(): Promise<StreamEnd | null> {
    const manager = await this.broker.manager();
    try {
      const { created, state } = await manager.streams.info(this.name);
      return { created: new Date(created), lastSequence: state.last_seq };
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return null;
      throw error;
    }
  }

  /** The last event that the stream carries; null when it holds none, or too many other messages behind it. */
  async lastEvent(end: StreamEnd): Promise<CarriedEvent | null> {
    const manager = await this.broker.manager();
    const stop = Math.max(0, end.lastSequence - searchedMessages);
    for (let at = end.lastSequence; at > stop; at -= 1) {
      const event = await this.eventAt(manager, at);
      if (event) return event;
    }
    return null;
  }

  private async eventAt(manager: JetStreamManager, seq: number): Promise<CarriedEvent | null> {
    const message = await manager.streams.getMessage(this.name, { seq });
    if (!message) return null;
    const { subject, header } = message;
    return fromMessage(this.service, { subject, headers: header, string: () => message.string() });
  }
}
