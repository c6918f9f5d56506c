import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { SecretBox } from '#common/crypto/index';
import { SystemUnitOfWork } from '#common/database/index';
import { Loop } from '#common/events/index';
import { createLogger, Metrics } from '#common/observability/index';
import { IdentityConfig } from '../identity.config.js';
import { compose, type Letter } from './letter.js';
import { mailContext } from './mails.js';
import { type MailFailure, Smtp } from './smtp.js';
import { type TemplateName, templates } from './templates.js';

/** Mails that are sent at once. */
const batch = 10;
/** Milliseconds between two looks at what waits; who has queued a mail wakes the own replica at once. */
const pause = 1_000;
/** Milliseconds for the sending of a batch; and, longer, for which other replicas leave it alone. */
const batchTimeout = 30_000;
const lease = 120_000;
/** Seconds before the second attempt, doubled with each further one up to the limit. */
const firstRetry = 5;
const retryLimit = 900;
/** Milliseconds that a batch under way is given when the service stops. */
const stopPatience = 5_000;
/** Milliseconds between two looks for what nobody has sent. */
const giveUpInterval = 60_000;

interface WaitingMail {
  readonly id: string;
  readonly recipient: string;
  readonly template: TemplateName;
  readonly content: string;
  readonly attempts: number;
  readonly ageHours: number;
  readonly [column: string]: unknown;
}

/** Leases what is due, so that no transaction waits for a mail server. */
const claim = `
  UPDATE mails AS m SET due_at = now() + make_interval(secs => $2), attempts = m.attempts + 1
  WHERE m.id IN (SELECT d.id FROM mails AS d WHERE d.due_at <= now() ORDER BY d.due_at FOR UPDATE SKIP LOCKED LIMIT $1)
  RETURNING m.id, m.recipient, m.template, m.content, m.attempts,
    extract(epoch FROM now() - m.created_at)::double precision / 3600 AS "ageHours"`;

const giveUp = `DELETE FROM mails WHERE created_at < now() - interval '3 days' RETURNING id`;

const gauges = {
  clarity_mails_waiting: 'Mails that are not sent yet, counted up to 10,000',
  clarity_mails_oldest_seconds: 'Age of the oldest of them',
};

const waitingText = `
  SELECT count(*)::float8 AS clarity_mails_waiting,
    coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS clarity_mails_oldest_seconds
  FROM (SELECT created_at FROM mails LIMIT 10000) AS waiting`;

/** Sends what waits, in every replica; gives up what could not be sent while it was of use. */
@Injectable()
export class MailSender implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger;
  private readonly loop: Loop;
  private underWay = new AbortController();
  private gaveUpAt = -Infinity;

  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly box: SecretBox,
    private readonly smtp: Smtp,
    metrics: Metrics,
    config: IdentityConfig,
  ) {
    this.logger = createLogger('identity', config.LOG_LEVEL);
    this.loop = new Loop('mail', this.logger, () => this.round());
    metrics.ask(gauges, () => this.waiting());
  }

  onApplicationBootstrap(): void {
    const { host } = this.smtp;
    if (host === null) this.logger.warn('no mail is sent: SMTP_URL is not set, so mails wait');
    else this.logger.info({ host }, 'mail is sent');
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    const timer = setTimeout(() => this.underWay.abort(), stopPatience);
    await this.loop.stop();
    clearTimeout(timer);
    this.smtp.close();
  }

  /** Looks at once for what a transaction has just queued. */
  wake(): void {
    this.loop.wake();
  }

  private async waiting(): Promise<Record<keyof typeof gauges, number>> {
    const [waiting] = await this.system.read<Record<keyof typeof gauges, number>>({ text: waitingText });
    return waiting!;
  }

  private async round(): Promise<number> {
    if (performance.now() - this.gaveUpAt > giveUpInterval) await this.giveUp();
    if (this.smtp.host === null) return giveUpInterval;
    const mails = await this.system.read<WaitingMail>({ text: claim, values: [batch, lease / 1_000] });
    if (mails.length === 0) return pause;
    this.underWay = new AbortController();
    const timer = setTimeout(() => this.underWay.abort(), batchTimeout);
    const failures = await Promise.all(mails.map((mail) => this.send(mail))).finally(() => clearTimeout(timer));
    const failed = failures.filter((failure) => failure !== null);
    if (failed.length > 0) this.logger.warn({ failed: failed.length, ...failed[0] }, 'mail could not be sent');
    return mails.length === batch ? 0 : pause;
  }

  private async giveUp(): Promise<void> {
    const unsent = await this.system.read({ text: giveUp });
    if (unsent.length > 0) this.logger.error({ mails: unsent.length }, 'mail that nobody has sent is given up');
    this.gaveUpAt = performance.now();
  }

  private async send(mail: WaitingMail): Promise<MailFailure | null> {
    const failure = await this.attempt(mail);
    const { id, template, attempts } = mail;
    if (failure === null) await this.remove(id);
    else if (failure.final || mail.ageHours > (templates[template]?.hours ?? 0)) {
      const { code, responseCode } = failure;
      this.logger.error({ mail: id, template, attempts, code, responseCode }, 'mail is given up');
      await this.remove(id);
    } else await this.putOff(mail);
    return failure;
  }

  /** A mail that cannot be read, for want of a key or of its template, fails like one that is not taken. */
  private attempt({ id, recipient: to, template, content }: WaitingMail): Promise<MailFailure | null> {
    let letter: Letter;
    try {
      const values: unknown = JSON.parse(this.box.open(content, mailContext(id)));
      letter = (templates[template] as { write(values: unknown): Letter }).write(values);
    } catch {
      return Promise.resolve({ code: 'unreadable', responseCode: undefined, final: false });
    }
    return this.smtp.send({ id, to, ...compose(letter) }, this.underWay.signal);
  }

  private async remove(id: string): Promise<void> {
    await this.system.read({ text: `DELETE FROM mails WHERE id = $1`, values: [id] });
  }

  private async putOff({ id, attempts }: WaitingMail): Promise<void> {
    const seconds = Math.min(firstRetry * 2 ** (attempts - 1), retryLimit);
    const text = `UPDATE mails SET due_at = now() + make_interval(secs => $2) WHERE id = $1`;
    await this.system.read({ text, values: [id, seconds] });
  }
}
