import { Body, Controller, Delete, HttpCode, Param, Post } from '@nestjs/common';
import { type RequestContext, SignedIn } from '#common/auth/index';
import { Context } from '#common/http/index';
import { readBody } from '../auth/dto/read-body.js';
import { EnrollBody, VerifyFactorBody } from './dto/bodies.js';
import { FactorsService } from './factors.service.js';
import { VerificationService } from './verification.service.js';
import { Limited } from '../limits/limited.js';

/** Supabase Auth's routes for the second factor. */
@Controller('auth/v1/factors')
export class FactorsController {
  constructor(
    private readonly factors: FactorsService,
    private readonly verification: VerificationService,
  ) {}

  @Post()
  @SignedIn()
  @HttpCode(200)
  enroll(@Context() context: RequestContext, @Body() body: unknown) {
    return this.factors.enroll(context, readBody(EnrollBody, body));
  }

  @Delete(':id')
  @SignedIn()
  unenroll(@Context() context: RequestContext, @Param('id') id: string) {
    return this.factors.unenroll(context, id);
  }

  @Post(':id/challenge')
  @SignedIn()
  @Limited('factor')
  @HttpCode(200)
  challenge(@Context() context: RequestContext, @Param('id') id: string) {
    return this.verification.challenge(context, id);
  }

  @Post(':id/verify')
  @SignedIn()
  @Limited('factor')
  @HttpCode(200)
  verify(@Context() context: RequestContext, @Param('id') id: string, @Body() body: unknown) {
    return this.verification.verify(context, id, readBody(VerifyFactorBody, body));
  }
}
