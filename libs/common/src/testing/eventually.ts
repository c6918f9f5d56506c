/** Repeats a check until it passes; fails with its last error after the deadline (milliseconds, 10 s by default). */
export async function eventually<T>(check: () => T | Promise<T>, deadline = 10_000): Promise<T> {
  const end = performance.now() + deadline;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
