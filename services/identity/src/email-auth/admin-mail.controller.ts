import { Body, Controller, HttpCode, Post, Query } from '@nestjs/common';
import { Allow, type RequestContext } from '#common/auth/index';
import { Context } from '#common/http/index';
import { readBody } from '../auth/dto/read-body.js';
import { AdminMailService } from './admin-mail.service.js';
import { GenerateLinkBody, InviteBody } from './dto/bodies.js';

/** Supabase Auth's routes by which a platform admin brings somebody in. */
@Controller('auth/v1')
export class AdminMailController {
  constructor(private readonly adminMail: AdminMailService) {}

  @Post('invite')
  @Allow('platform_admin')
  @HttpCode(200)
  invite(@Context() context: RequestContext, @Query('redirect_to') redirectTo: unknown, @Body() body: unknown) {
    return this.adminMail.invite(context, readBody(InviteBody, body), redirectTo);
  }

  @Post('admin/generate_link')
  @Allow('platform_admin')
  @HttpCode(200)
  generateLink(@Context() context: RequestContext, @Query('redirect_to') redirectTo: unknown, @Body() body: unknown) {
    return this.adminMail.generateLink(context, readBody(GenerateLinkBody, body), redirectTo);
  }
}
