import { type Problem } from '../http/problem.js';
import { problemBody } from '../http/problem-filter.js';
import type { ServiceName } from '../contracts/topology.js';
import { type FeedPosition, formatPosition } from './feed-position.js';
import type { FeedEvent } from './feed-reader.js';

/** Milliseconds after which a client that lost the stream comes back. */
export const retryFrame = 'retry: 2000\n\n';

/** Moves the client's position; a block without data is no event. */
export const positionFrame = (position: FeedPosition): string => `: here\nid: ${formatPosition(position)}\n\n`;

/** Why the stream ends: the problem document in a last event. */
export const errorFrame = (problem: Problem, traceId: string): string =>
  `event: error\ndata: ${problemBody(problem, traceId)}\n\n`;

/** CloudEvents 1.0 in JSON, on one line: JSON text holds no line break, in the log as anywhere. */
export function eventFrame(source: ServiceName, event: FeedEvent): string {
  const { sequence, epoch, data } = event;
  const attributes = JSON.stringify({
    specversion: '1.0',
    id: event.id,
    source: `/clarity/${source}`,
    type: event.type,
    subject: event.aggregateId,
    time: event.time,
    organizationid: event.organizationId ?? undefined,
    actorid: event.actorId ?? undefined,
    sequence,
    epoch,
    aggregateversion: event.aggregateVersion,
    datacontenttype: 'application/json',
  });
  const line = `${attributes.slice(0, -1)},"data":${data.replaceAll(/[\r\n]/g, ' ')}}`;
  return `id: ${formatPosition(event)}\nevent: ${event.type}\ndata: ${line}\n\n`;
}
