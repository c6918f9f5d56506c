import { Problem } from '../http/problem.js';

/** A place in one service's log: what comes after it was not seen yet. */
export interface FeedPosition {
  readonly epoch: number;
  readonly sequence: number;
}

/** `12` in the first epoch, `2.12` in the second. */
export const formatPosition = ({ epoch, sequence }: FeedPosition): string =>
  epoch === 1 ? String(sequence) : `${epoch}.${sequence}`;

const pattern = /^(?:(\d{1,9})\.)?(\d{1,15})$/;

/** Raises 400 for what is no position. */
export function parsePosition(text: string): FeedPosition {
  const match = pattern.exec(text);
  if (!match) throw new Problem(400, 'bad_position', 'A position is the id of an event that this stream has sent.');
  return { epoch: Number(match[1] ?? 1), sequence: Number(match[2]) };
}

/** The log does not hold what follows a position: the listener has to read afresh, and listen from now. */
export const positionExpired = (): Problem =>
  new Problem(
    410,
    'position_expired',
    'What followed this position is not in the log any more. Read what you need afresh and listen without a position.',
  );
