import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { LicenseReinstated, LicenseRenewed, LicenseRevoked, LicenseSuspended } from '#common/contracts/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import { ExpiryNotices } from '../expiry/expiry-notices.js';
import type { RenewLicense } from './dto/renew-license.dto.js';
import { licenseAnswer } from './license-answer.js';
import { changeLicense, type LicenseRecord, lockLicense, stateOf, tellLicense } from './license-record.js';
import { licenseIsRevoked } from './license.errors.js';
import { noticeReached } from './notices.js';
import { tellPassedDate } from './passed-date.js';
import { checkTerms, renewedDate } from './terms.js';

/**
 * What platform admins do to a license. Each is idempotent in effect: what is so already is answered without a change or
 * an event. A revoked license cannot be changed any more (409 `license_revoked`).
 */
@Injectable()
export class LicenseChangesService {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly notices: ExpiryNotices,
  ) {}

  /** Sets another expiration date; a suspended license stays suspended. */
  async renew(context: RequestContext, id: string, terms: RenewLicense): Promise<string> {
    checkTerms(terms);
    const answer = await this.change(context, id, async (tx, license) => {
      refuseRevoked(license);
      const expirationDate = await renewedDate(tx, license, terms);
      if (expirationDate.getTime() === license.expirationDate?.getTime()) return;
      const noticeDays = noticeReached(expirationDate, tx.now);
      const renewed = changeLicense(tx, tellPassedDate(tx, license), {
        expirationDate,
        noticeDate: expirationDate,
        noticeDays,
      });
      tellLicense(tx, LicenseRenewed, renewed, stateOf(renewed));
    });
    this.notices.wake();
    return answer;
  }

  suspend(context: RequestContext, id: string): Promise<string> {
    return this.change(context, id, async (tx, license) => {
      refuseRevoked(license);
      if (license.suspendedAt) return;
      const suspended = changeLicense(tx, license, { suspendedAt: tx.now });
      tellLicense(tx, LicenseSuspended, suspended, stateOf(suspended));
    });
  }

  reinstate(context: RequestContext, id: string): Promise<string> {
    return this.change(context, id, async (tx, license) => {
      refuseRevoked(license);
      if (!license.suspendedAt) return;
      const reinstated = changeLicense(tx, license, { suspendedAt: null });
      tellLicense(tx, LicenseReinstated, reinstated, stateOf(reinstated));
    });
  }

  revoke(context: RequestContext, id: string): Promise<string> {
    return this.change(context, id, async (tx, license) => {
      if (license.revokedAt) return;
      const revoked = changeLicense(tx, tellPassedDate(tx, license), { revokedAt: tx.now });
      tellLicense(tx, LicenseRevoked, revoked, stateOf(revoked));
    });
  }

  private change(
    context: RequestContext,
    id: string,
    work: (tx: RequestTx, license: LicenseRecord) => Promise<void>,
  ): Promise<string> {
    return this.unitOfWork.run(context, async (tx) => {
      const license = await lockLicense(tx, id);
      if (tx.isConditional) tx.compare(await licenseAnswer(tx, id));
      await work(tx, license);
      return licenseAnswer(tx, id);
    });
  }
}

function refuseRevoked({ revokedAt }: LicenseRecord): void {
  if (revokedAt) throw licenseIsRevoked();
}
