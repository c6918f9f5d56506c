import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { OneTimeModule } from '../one-time/one-time.module.js';
import { AdminMailController } from './admin-mail.controller.js';
import { AdminMailService } from './admin-mail.service.js';
import { EmailAuthController } from './email-auth.controller.js';
import { EmailAuthService } from './email-auth.service.js';
import { VerificationService } from './verification.service.js';

@Module({
  imports: [AuthModule, OneTimeModule],
  controllers: [EmailAuthController, AdminMailController],
  providers: [AdminMailService, EmailAuthService, VerificationService],
})
export class EmailAuthModule {}
