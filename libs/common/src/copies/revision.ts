/** Where a fact stands in its owner's history; a newer (epoch, version) always wins. */
export interface Revision {
  readonly epoch: number;
  readonly version: number;
  /**
   * The last sequence of the owner's log that the fact may reflect: an event's own; of a state that was read, the next one
   * of the log, for the change may still be in the outbox and will not get a lower one.
   */
  readonly sequence: number;
}

/** A fact about one thing; with `deleted`, its end. */
export interface Fact extends Revision {
  readonly deleted?: boolean;
}
