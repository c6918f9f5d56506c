import { availableParallelism } from 'node:os';

/**
 * How many passwords are hashed at once unless a setting says otherwise: one for each processor, as more would only wait for each
 * other; and fewer than libuv has threads (UV_THREADPOOL_SIZE), on which tokens are signed as well.
 */
export const hashesAtOnce = (
  processors = availableParallelism(),
  threads = process.env['UV_THREADPOOL_SIZE'],
): number => Math.max(1, Math.min(processors, (Number(threads) || 4) - 1));
