import { setImmediate as soon } from 'node:timers/promises';

/**
 * What has arrived by now, so many at most, in the order of arrival. Not by the iterator's own count of what is pending:
 * it counts one too many after an entry that is no message, and a batch would wait for a message that never comes.
 */
export async function* arrivingBatches<T>(arrivals: AsyncIterable<T>, limit: number): AsyncGenerator<T[]> {
  const iterator = arrivals[Symbol.asyncIterator]();
  let next = iterator.next();
  for (;;) {
    const first = await next;
    if (first.done) return;
    const batch = [first.value];
    next = iterator.next();
    while (batch.length < limit) {
      const more = await Promise.race([next, soon()]);
      if (!more || more.done) break;
      batch.push(more.value);
      next = iterator.next();
    }
    yield batch;
  }
}
