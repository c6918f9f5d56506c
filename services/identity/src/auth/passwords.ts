import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { hash } from '@node-rs/argon2';
import { Problem } from '#common/http/index';
import { IdentityConfig } from '../identity.config.js';
import { weakPassword } from './auth-form.js';
import { LeakedPasswords } from './passwords/leaked-passwords.js';
import { parameters, parsePasswordHash } from './passwords/password-hash.js';

export { passwordLength } from './passwords/password-length.js';

/**
 * Whether an imported hash can be verified here, and costs no more than a second and 256 MiB: Argon2id and Argon2i
 * (`$argon2id$v=19$m=…`), bcrypt (`$2a$`, `$2b$`, `$2y$`), scrypt (`$scrypt$ln=…`), Firebase's scrypt (`$fbscrypt$v=1,…`). To be
 * asked before one is stored; what is not known signs nobody in.
 */
export const isKnownPasswordHash = (text: string): boolean => parsePasswordHash(text) !== undefined;

/** Hashes that may wait for each one that is made; at about 20 ms each, the last one waits a second. */
const waitingPerHash = 50;
/**
 * Hashes whose requests go on together while as many wait. A hash empties the processor's caches: what follows one takes some
 * three times as long as where the same code has just run for another.
 */
const together = 8;

/** Hashes passwords, a few at a time. */
@Injectable()
export class Passwords {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  private readonly made: (() => void)[] = [];
  /** Compared with where there is no account, so that the answer takes as long. */
  private readonly nobody = hash(randomBytes(16), parameters);

  constructor(
    private readonly config: IdentityConfig,
    private readonly leaked: LeakedPasswords,
  ) {}

  /** Hashes a new password. Raises 422 `weak_password` for one that was leaked, 429 when too many are waiting. */
  async hash(password: string): Promise<string> {
    if (await this.leaked.include(password))
      throw weakPassword('Password is known from a leak; choose another.', 'pwned');
    return this.inTurn(() => hash(password, parameters));
  }

  /** A hash to replace the stored one of a password that was found right; undefined while that is as good. */
  async renewed(password: string, stored: string): Promise<string | undefined> {
    if (!parsePasswordHash(stored)?.isWeakFor(password)) return undefined;
    return this.inTurn(() => hash(password, parameters));
  }

  /**
   * Without a hash, or with one that is not known, the answer is false, after the time that today's hashes take.
   * @param refusalTime milliseconds: a false answer takes these, or the next multiple of them, so that it does not tell what
   * kind of hash was compared
   */
  async matches(password: string, stored: string | null, refusalTime = 0): Promise<boolean> {
    const known = stored === null ? undefined : parsePasswordHash(stored);
    const compared = known ?? parsePasswordHash(await this.nobody)!;
    const { isRight, took } = await this.inTurn(async () => {
      const begun = performance.now();
      const outcome = await compared.verify(password);
      return { isRight: outcome, took: performance.now() - begun };
    });
    if (isRight && known) return true;
    if (refusalTime > 0) await delay(Math.ceil(took / refusalTime) * refusalTime - took);
    return false;
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.running < this.config.PASSWORD_HASHES_AT_ONCE) this.running += 1;
    else await this.turn();
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running -= 1;
      await this.othersMade();
    }
  }

  /** Under load, until as many have been made as go on together; those that wait see to it that they are. */
  private othersMade(): Promise<void> | undefined {
    if (this.waiting.length < together || this.made.length + 1 >= together) {
      for (const goOn of this.made.splice(0)) goOn();
      return undefined;
    }
    return new Promise((resolve) => this.made.push(resolve));
  }

  private turn(): Promise<void> {
    if (this.waiting.length >= waitingPerHash * this.config.PASSWORD_HASHES_AT_ONCE) {
      throw new Problem(429, 'over_request_rate_limit', 'Request rate limit reached', { retryAfter: 2 });
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
