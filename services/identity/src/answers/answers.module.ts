import { Module } from '@nestjs/common';
import { OwnerAnswers } from './owner-answers.js';

@Module({ providers: [OwnerAnswers] })
export class AnswersModule {}
