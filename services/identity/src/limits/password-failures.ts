import { Injectable } from '@nestjs/common';
import { hashOf } from '#common/crypto/index';
import { SystemUnitOfWork, type Tx } from '#common/database/index';
import { IdentityConfig } from '../identity.config.js';

/** Whether passwords for an address (by its hash) are refused at the moment, right or wrong. */
export const isLocked = (hash: string): string =>
  `EXISTS (SELECT FROM password_failures AS f WHERE f.address_hash = ${hash} AND f.locked_until > now())`;

/** Whether a wrong password for an address (by its hash) is remembered. */
export const hasFailures = (hash: string): string =>
  `EXISTS (SELECT FROM password_failures AS f WHERE f.address_hash = ${hash})`;

const failures = `CASE WHEN f.expires_at <= now() THEN 1 ELSE f.failures + 1 END`;
const lock = `make_interval(secs => least($5, $4 * power(2, least(${failures} - $2, 20))))`;

/** While an address is locked nothing is counted: the answers tell nothing about a password. */
const count = `
  INSERT INTO password_failures AS f (address_hash, failures, expires_at)
    VALUES ($1, 1, now() + make_interval(secs => $3))
  ON CONFLICT (address_hash) DO UPDATE SET
    failures = ${failures},
    locked_until = CASE WHEN ${failures} >= $2 THEN now() + ${lock} END,
    expires_at = CASE WHEN ${failures} >= $2 THEN now() + ${lock} + make_interval(secs => $3)
      WHEN f.expires_at <= now() THEN excluded.expires_at ELSE f.expires_at END
  WHERE f.locked_until IS NULL OR f.locked_until <= now()`;

/**
 * The soft lock of an account: after some wrong passwords a right one is answered like them, for a time that doubles. It is kept
 * by the hash of the address, so that addresses without an account are locked alike, and keeps nobody from other ways to sign in.
 */
@Injectable()
export class PasswordFailures {
  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly config: IdentityConfig,
  ) {}

  async count(hash: Buffer): Promise<void> {
    const { PASSWORD_ATTEMPTS, PASSWORD_ATTEMPTS_WINDOW, PASSWORD_LOCK, PASSWORD_LOCK_MAX } = this.config;
    const values = [hash, PASSWORD_ATTEMPTS, PASSWORD_ATTEMPTS_WINDOW, PASSWORD_LOCK, PASSWORD_LOCK_MAX];
    await this.system.read({ text: count, values });
  }
}

/** Somebody has proved to hold the address: its wrong passwords are forgotten. */
export const forgetFailures = (tx: Tx, email: string): void =>
  tx.execute(`DELETE FROM password_failures WHERE address_hash = $1`, [hashOf(email)]);
