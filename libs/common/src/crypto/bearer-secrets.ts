import { createHash, randomBytes } from 'node:crypto';

/** A random secret of 256 bits, as text that fits into URLs and JSON. */
export const randomSecret = (): string => randomBytes(32).toString('base64url');

/** SHA-256: all that is kept of a secret that its bearer presents again, and of what must not be read from a table. */
export const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest();
