import { Body, Controller, Get, HttpCode, Post, Put, Query } from '@nestjs/common';
import { type RequestContext, SignedIn } from '#common/auth/index';
import { Context } from '#common/http/index';
import { AccountService } from './account.service.js';
import { UpdateUserBody } from './dto/bodies.js';
import { readBody } from './dto/read-body.js';
import { Limited } from '../limits/limited.js';

/** Supabase Auth's routes for the signed-in user. */
@Controller('auth/v1')
export class AccountController {
  constructor(private readonly account: AccountService) {}

  @Get('user')
  @SignedIn()
  user(@Context() context: RequestContext) {
    return this.account.user(context);
  }

  @Put('user')
  @SignedIn()
  update(@Context() context: RequestContext, @Body() body: unknown, @Query('redirect_to') redirectTo: unknown) {
    return this.account.update(context, readBody(UpdateUserBody, body), redirectTo);
  }

  @Post('logout')
  @SignedIn()
  @HttpCode(204)
  async logout(@Context() context: RequestContext, @Query('scope') scope: unknown = 'global'): Promise<void> {
    await this.account.logout(context, scope);
  }

  @Get('reauthenticate')
  @SignedIn()
  @Limited('mail')
  reauthenticateByGet(@Context() context: RequestContext): Promise<object> {
    return this.account.reauthenticate(context);
  }

  @Post('reauthenticate')
  @SignedIn()
  @Limited('mail')
  @HttpCode(200)
  reauthenticate(@Context() context: RequestContext): Promise<object> {
    return this.account.reauthenticate(context);
  }
}
