import { Module } from '@nestjs/common';
import { ExpiryNotices } from './expiry-notices.js';

@Module({ providers: [ExpiryNotices], exports: [ExpiryNotices] })
export class ExpiryModule {}
