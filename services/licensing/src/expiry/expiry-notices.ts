import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { LicenseExpired, LicenseExpiring } from '#common/contracts/index';
import { SystemUnitOfWork, type Tx } from '#common/database/index';
import { Loop } from '#common/events/index';
import { continueTrace, createLogger, Metrics } from '#common/observability/index';
import { type LicenseRecord, lockLicenses, stateOf, tellLicense } from '../licenses/license-record.js';
import { noticeReached } from '../licenses/notices.js';
import { LicensingConfig } from '../licensing.config.js';

/** Milliseconds between two looks at most, and while another transaction holds what is due. */
const longestWait = 1_000;
const lockedWait = 100;
/** Licenses told of in one transaction at most. */
const batchSize = 500;

const nextNotice = 'app.next_notice(expiration_date, notice_date, notice_days)';

const waitText = `SELECT extract(epoch FROM ${nextNotice} - clock_timestamp())::float8 * 1000 AS wait
  FROM licenses WHERE revoked_at IS NULL ORDER BY ${nextNotice} LIMIT 1`;

const lagGauge = 'clarity_license_expiry_lag_seconds';

const lagText = `SELECT greatest(0, extract(epoch FROM clock_timestamp() - ${nextNotice}))::float8 AS lag
  FROM licenses WHERE revoked_at IS NULL ORDER BY ${nextNotice} LIMIT 1`;

const dueText = `SELECT id FROM licenses WHERE revoked_at IS NULL AND ${nextNotice} <= now()
  ORDER BY ${nextNotice} LIMIT ${batchSize} FOR UPDATE SKIP LOCKED`;

/**
 * Tells when licenses expire, and 30, 7 and 1 days before. Every replica runs this loop: a due row is marked in the
 * transaction that tells of it, by whoever locks it first, and only the database's clock is read. After a time without a
 * running replica only the nearest notice is given. A suspended license is told of like any other, for its date passes
 * all the same; a revoked one has ended already.
 */
@Injectable()
export class ExpiryNotices implements OnModuleInit, OnModuleDestroy {
  private readonly loop: Loop;

  constructor(
    private readonly system: SystemUnitOfWork,
    metrics: Metrics,
    config: LicensingConfig,
  ) {
    this.loop = new Loop('expiry', createLogger('licensing', config.LOG_LEVEL), () => this.round());
    metrics.ask({ [lagGauge]: 'Age of the oldest notice of an expiry that is due and not given' }, () => this.lag());
  }

  onModuleInit(): void {
    this.loop.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.loop.stop();
  }

  /** Called after a date was written: it may be nearer than the next look. */
  wake(): void {
    this.loop.wake();
  }

  private async lag(): Promise<{ [lagGauge]: number }> {
    const [oldest] = await this.system.read<{ lag: number }>({ text: lagText });
    return { [lagGauge]: oldest?.lag ?? 0 };
  }

  private async round(): Promise<number> {
    const [next] = await this.system.read<{ wait: number | null }>({ text: waitText });
    const wait = next?.wait ?? longestWait;
    if (wait > 0) return Math.min(Math.ceil(wait), longestWait);
    const told = await this.system.run({ trace: continueTrace(undefined) }, (tx) => this.tellDue(tx));
    return told > 0 ? 0 : lockedWait;
  }

  private async tellDue(tx: Tx): Promise<number> {
    const due = await tx.query<{ id: string }>(dueText);
    if (due.length === 0) return 0;
    const licenses = await lockLicenses(
      tx,
      due.map(({ id }) => id),
    );
    const days = licenses.map((license) => this.tell(tx, license));
    tx.execute(
      `UPDATE licenses AS l SET notice_date = l.expiration_date, notice_days = told.days, version = l.version + 1
       FROM unnest($1::uuid[], $2::smallint[]) AS told (id, days) WHERE l.id = told.id`,
      [licenses.map(({ id }) => id), days],
    );
    return licenses.length;
  }

  private tell(tx: Tx, license: LicenseRecord): number {
    const days = noticeReached(license.expirationDate, tx.now)!;
    const told = { ...license, version: license.version + 1 };
    if (days === 0) tellLicense(tx, LicenseExpired, told, stateOf(told));
    else tellLicense(tx, LicenseExpiring, told, { ...stateOf(told), daysLeft: days });
    return days;
  }
}
