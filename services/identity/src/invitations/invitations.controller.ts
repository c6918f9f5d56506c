import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { type RequestContext, SignedIn } from '#common/auth/index';
import { Context } from '#common/http/index';
import { AcceptInvitation } from './dto/accept-invitation.dto.js';
import { InvitationsService } from './invitations.service.js';

@Controller('v1/invitations')
export class InvitationsController {
  constructor(private readonly invitations: InvitationsService) {}

  @Post('accept')
  @SignedIn()
  @HttpCode(200)
  accept(@Context() context: RequestContext, @Body() { token }: AcceptInvitation) {
    return this.invitations.accept(context, token);
  }
}
