import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { Allow, type RequestContext, SignedIn } from '#common/auth/index';
import { CarriesSecret, Context, Creates } from '#common/http/index';
import { IdentityConfig } from '../identity.config.js';
import { ChangeProfile, InviteProfile, ProfilesQuery } from './dto/profile.dto.js';
import { ProfilesService } from './profiles.service.js';

@Controller('v1/organizations/:organizationId/profiles')
export class ProfilesController {
  constructor(
    private readonly profiles: ProfilesService,
    private readonly config: IdentityConfig,
  ) {}

  @Get()
  @SignedIn()
  list(
    @Context() context: RequestContext,
    @Param('organizationId') organizationId: string,
    @Query() query: ProfilesQuery,
  ) {
    return this.profiles.list(context, organizationId, query);
  }

  @Post()
  @Allow('admin')
  @Creates('/v1/organizations/:organizationId/profiles/:id')
  @CarriesSecret()
  async invite(
    @Context() context: RequestContext,
    @Param('organizationId') organizationId: string,
    @Body() body: InviteProfile,
  ) {
    return this.answerOf(await this.profiles.invite(context, organizationId, body));
  }

  @Post(':profileId/resend')
  @Allow('admin')
  @HttpCode(200)
  @CarriesSecret()
  async inviteAgain(
    @Context() context: RequestContext,
    @Param('organizationId') organizationId: string,
    @Param('profileId') profileId: string,
  ) {
    return this.answerOf(await this.profiles.inviteAgain(context, organizationId, profileId));
  }

  @Get(':profileId')
  @SignedIn()
  read(
    @Context() context: RequestContext,
    @Param('organizationId') organizationId: string,
    @Param('profileId') profileId: string,
  ) {
    return this.profiles.read(context, organizationId, profileId);
  }

  @Patch(':profileId')
  @Allow('admin')
  change(
    @Context() context: RequestContext,
    @Param('organizationId') organizationId: string,
    @Param('profileId') profileId: string,
    @Body() body: ChangeProfile,
  ) {
    return this.profiles.change(context, organizationId, profileId, body);
  }

  /** Everybody may leave. */
  @Delete(':profileId')
  @Allow('viewer')
  @HttpCode(204)
  async remove(
    @Context() context: RequestContext,
    @Param('organizationId') organizationId: string,
    @Param('profileId') profileId: string,
  ): Promise<void> {
    await this.profiles.remove(context, organizationId, profileId);
  }

  /** Where addresses are confirmed at once (the local stack), the answer carries the token, too, which else only the mail does. */
  private answerOf({ profile, token }: Awaited<ReturnType<ProfilesService['invite']>>) {
    return { ...profile, ...(this.config.AUTH_AUTOCONFIRM && { invitationToken: token }) };
  }
}
