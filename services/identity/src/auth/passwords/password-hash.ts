import { type ParsedHashOptions, parseOptions, verify as verifyArgon2 } from '@node-rs/argon2';
import { verify as verifyBcrypt } from '@node-rs/bcrypt';
import { parseScrypt, verifyScrypt } from './scrypt-hash.js';

/** Argon2id (the library's default) as OWASP's Password Storage Cheat Sheet recommends: 19 MiB, two passes. */
export const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** How the hashes begin that are made today. */
export const todaysPrefix = `$argon2id$v=19$m=${parameters.memoryCost},t=${parameters.timeCost},p=${parameters.parallelism}$`;

/** Bounds of hashes from elsewhere: about a second of one processor, and 256 MiB. */
const argon2Bounds = { memoryCost: 262_144, work: 524_288, parallelism: 16 } as const;
const bcryptCost = { min: 4, max: 14 } as const;
/** Bytes of a password that bcrypt looks at. */
const bcryptBytes = 72;

const argon2Format =
  /^\$argon2id?\$v=(16|19)\$m=\d{1,6},t=\d{1,6},p=\d{1,2}\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/;
const bcryptFormat = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/** A stored hash whose form is known and whose cost is within bounds. */
export interface PasswordHash {
  verify(password: string): Promise<boolean>;
  /** Whether this password should be hashed anew once it was found right. */
  isWeakFor(password: string): boolean;
}

/** Undefined for what is no hash known here, or one that costs too much. */
export function parsePasswordHash(stored: string): PasswordHash | undefined {
  if (argon2Format.test(stored)) return argon2Hash(stored);
  if (bcryptFormat.test(stored)) return bcryptHash(stored);
  const scrypt = parseScrypt(stored);
  return scrypt && { verify: (password) => verifyScrypt(scrypt, password), isWeakFor: () => true };
}

function argon2Hash(stored: string): PasswordHash | undefined {
  const options = argon2Options(stored);
  if (!options) return undefined;
  const { memoryCost, timeCost, parallelism } = options;
  const isBounded =
    memoryCost <= argon2Bounds.memoryCost &&
    memoryCost * timeCost <= argon2Bounds.work &&
    parallelism <= argon2Bounds.parallelism;
  if (!isBounded) return undefined;
  const isWeak =
    !stored.startsWith('$argon2id$v=19$') || memoryCost < parameters.memoryCost || timeCost < parameters.timeCost;
  return { verify: (password) => verifyArgon2(stored, password), isWeakFor: () => isWeak };
}

function argon2Options(stored: string): ParsedHashOptions | undefined {
  try {
    return parseOptions(stored);
  } catch {
    return undefined;
  }
}

function bcryptHash(stored: string): PasswordHash | undefined {
  const cost = Number(bcryptFormat.exec(stored)![1]);
  if (cost < bcryptCost.min || cost > bcryptCost.max) return undefined;
  return {
    verify: (password) => verifyBcrypt(password, stored),
    // Whatever follows the 72nd byte was found neither right nor wrong; hashed anew, it would become part of the password.
    isWeakFor: (password) => Buffer.byteLength(password) <= bcryptBytes,
  };
}
