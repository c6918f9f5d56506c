/** Causes of an error that are told, one within the other. */
const depthLimit = 4;

/** What an error tells beside its message. All else may hold a row, a request or a connection. */
const toldFields = ['code', 'syscall', 'status', 'responseCode', 'severity', 'schema', 'table', 'column', 'constraint'];

/** States of PostgreSQL whose messages quote values: data exceptions, and what functions raise. */
const quotesValues = /^(22|P0)/;

/** Blots out URLs, which may hold a password, and whatever looks like a key. */
const withoutKeys = (message: string): string =>
  message.replace(/\w+:\/\/\S+/g, '<url>').replace(/[\w+/=.-]{40,}/g, '<key>');

const withoutQuotations = (message: string): string => message.replace(/(["'])(?:(?!\1).)*\1/g, '$1…$1');

/** The message of an error without what may be a secret or somebody's data: quoted values, URLs and whatever looks like a key. */
export const safeMessage = ({ message }: Error): string => withoutQuotations(withoutKeys(message));

/**
 * An error as it is logged: by what is known to be no secret. Errors of PostgreSQL carry the whole row that was refused, those
 * of clients the request and its headers.
 */
export function loggedError(error: unknown, depth = 0): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const fields = error as unknown as Readonly<Record<string, unknown>>;
  const told = toldFields.flatMap((name) =>
    typeof fields[name] === 'string' || typeof fields[name] === 'number' ? [[name, fields[name]] as const] : [],
  );
  const quotes = typeof fields['severity'] === 'string' && quotesValues.test(String(fields['code']));
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  return {
    type: error.constructor.name,
    message: quotes ? safeMessage(error) : withoutKeys(error.message),
    ...Object.fromEntries(told),
    stack: frames.join('\n'),
    ...(error.cause !== undefined && depth < depthLimit && { cause: loggedError(error.cause, depth + 1) }),
  };
}
