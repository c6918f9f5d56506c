import type { ReceivedEvent } from './envelope.js';

/** Where an event stands in its owner's log; a newer epoch begins after every sequence of the older ones. */
export interface Standing {
  readonly epoch: number;
  readonly sequence: number;
}

export interface Arrival {
  readonly event: ReceivedEvent;
  /** Where the stream carried it; null for what was read from the owner's log. */
  readonly stream: { readonly created: Date; readonly sequence: number } | null;
}

export interface Decision {
  /** What follows the position without a hole. */
  readonly due: readonly Arrival[];
  /** What is not due yet, from the first hole or newer epoch on. */
  readonly rest: readonly Arrival[];
  /** True when the rest belongs to a newer epoch of the owner's log. */
  readonly renewed: boolean;
}

export const isAhead = (event: Standing, standing: Standing): boolean =>
  event.epoch > standing.epoch || (event.epoch === standing.epoch && event.sequence > standing.sequence);

/** Tells what of a delivery is due at a position; what the position has passed, or an older epoch brings, is dropped. */
export function decide(standing: Standing, delivery: readonly Arrival[]): Decision {
  const due: Arrival[] = [];
  let { sequence } = standing;
  for (const [index, arrival] of delivery.entries()) {
    const { event } = arrival;
    if (!isAhead(event, { epoch: standing.epoch, sequence })) continue;
    const renewed = event.epoch > standing.epoch;
    if (renewed || event.sequence > sequence + 1) return { due, rest: delivery.slice(index), renewed };
    due.push(arrival);
    sequence = event.sequence;
  }
  return { due, rest: [], renewed: false };
}
