import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { LimitsGuard } from './limited.js';
import { PasswordFailures } from './password-failures.js';
import { RateLimits } from './rate-limits.js';

@Module({
  providers: [PasswordFailures, RateLimits, { provide: APP_GUARD, useClass: LimitsGuard }],
  exports: [PasswordFailures, RateLimits],
})
export class LimitsModule {}
