import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import type { LicenseState } from '../contracts/licensing/index.js';
import type { EventContext } from '../events/event-context.js';
import { revisionOf } from './authorization-copies.handler.js';
import { licenses } from './copies.js';

/** Keeps the copy of licenses by which writes are admitted; every license event carries the whole state. */
@Controller()
export class LicenseCopiesHandler {
  @EventPattern([
    'license.issued',
    'license.renewed',
    'license.suspended',
    'license.reinstated',
    'license.revoked',
    'license.expiring',
    'license.expired',
    'license.module_added',
    'license.module_removed',
  ])
  onLicenseChanged(@Payload() license: LicenseState, @Ctx() context: EventContext): void {
    licenses.keep(context.tx, { ...license, ...revisionOf(context) });
  }
}
