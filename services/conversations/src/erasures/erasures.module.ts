import { Module } from '@nestjs/common';
import { ErasureWorker } from './erasure.worker.js';
import { MissedErasures } from './missed-erasures.js';

@Module({ providers: [ErasureWorker, MissedErasures] })
export class ErasuresModule {}
