import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { FirstStart } from './first-start.js';

@Module({ imports: [AuthModule], providers: [FirstStart] })
export class OperatorModule {}
