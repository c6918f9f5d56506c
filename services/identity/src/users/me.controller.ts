import { Controller, Delete, Get, HttpCode } from '@nestjs/common';
import { type RequestContext, SignedIn } from '#common/auth/index';
import { Conditional, Context } from '#common/http/index';
import { MeService } from './me.service.js';

@Controller('v1/me')
export class MeController {
  constructor(private readonly me: MeService) {}

  @Get()
  @SignedIn()
  @Conditional()
  read(@Context() context: RequestContext) {
    return this.me.read(context);
  }

  @Delete()
  @SignedIn()
  @HttpCode(204)
  async erase(@Context() context: RequestContext): Promise<void> {
    await this.me.erase(context);
  }
}
