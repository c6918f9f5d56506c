import { Module } from '@nestjs/common';
import { ErasureWorker } from './erasure.worker.js';
import { OnUserDeletedEraseContent } from './handlers/on-user.deleted.erase-content.js';

@Module({ controllers: [OnUserDeletedEraseContent], providers: [ErasureWorker] })
export class ErasuresModule {}
