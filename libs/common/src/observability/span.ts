import type { RecordedTrace, StepEnd } from './trace.js';

/** The code of an error, or else its class. */
export function failureOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  const known = [code, name].find((word) => typeof word === 'string' && /^\w{1,60}$/.test(word));
  return (known as string | undefined) ?? 'error';
}

/** Does some work as a step, which ends with it. */
export async function within<T>(
  step: RecordedTrace,
  told: StepEnd,
  work: (step: RecordedTrace) => Promise<T>,
): Promise<T> {
  try {
    const result = await work(step);
    step.span.end(told);
    return result;
  } catch (error) {
    step.span.end({ ...told, failure: failureOf(error) });
    throw error;
  }
}
