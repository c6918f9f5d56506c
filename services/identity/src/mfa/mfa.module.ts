import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { FactorsController } from './factors.controller.js';
import { FactorsService } from './factors.service.js';
import { VerificationService } from './verification.service.js';

@Module({
  imports: [AuthModule],
  controllers: [FactorsController],
  providers: [FactorsService, VerificationService],
})
export class MfaModule {}
