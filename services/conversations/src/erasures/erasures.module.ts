import { Module } from '@nestjs/common';
import { ErasureWorker } from './erasure.worker.js';
import { OnUserDeletedEraseContent } from './handlers/on-user.deleted.erase-content.js';
import { MissedErasures } from './missed-erasures.js';

@Module({ controllers: [OnUserDeletedEraseContent], providers: [ErasureWorker, MissedErasures] })
export class ErasuresModule {}
