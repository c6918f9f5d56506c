import { createHash, createHmac, randomBytes } from 'node:crypto';

/** A random secret of 256 bits, as text that fits into URLs and JSON. */
export const randomSecret = (): string => randomBytes(32).toString('base64url');

export const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();

/**
 * The token that replaces another. It follows from it and the session's key, so that a client that asks twice is told the
 * same, although only hashes are kept; without the key, nobody can tell it.
 */
export const successorOf = (token: string, refreshKey: string): string =>
  createHmac('sha256', refreshKey).update(token).digest('base64url');
