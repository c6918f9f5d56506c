import { setTimeout as delay } from 'node:timers/promises';

/**
 * Calls `check` until it answers something other than undefined or false, and returns that; undefined when the time is up.
 * @param timeout in milliseconds
 * @param every pause between two calls, in milliseconds
 */
export async function until<T>(
  check: () => Promise<T | undefined | false> | T | undefined | false,
  timeout: number,
  every = 25,
): Promise<T | undefined> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const answer = await check();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() >= deadline) return undefined;
    await delay(every);
  }
}
