import { Body, Controller, Delete, HttpCode, Param, Put } from '@nestjs/common';
import { Allow, type RequestContext } from '#common/auth/index';
import { Context } from '#common/http/index';
import type { OrganizationLinkView, UserLinkView } from '../customers/customer.view.js';
import { UserLinkInput } from './dto/user-link.dto.js';
import { LinksService } from './links.service.js';

@Controller('v1/customers/:id')
export class LinksController {
  constructor(private readonly links: LinksService) {}

  @Put('organizations/:organizationId')
  @Allow('member', { module: 'crm' })
  linkOrganization(
    @Context() context: RequestContext,
    @Param('id') id: string,
    @Param('organizationId') organizationId: string,
  ): Promise<OrganizationLinkView> {
    return this.links.linkOrganization(context, id, organizationId);
  }

  @Delete('organizations/:organizationId')
  @HttpCode(204)
  @Allow('member', { module: 'crm' })
  unlinkOrganization(
    @Context() context: RequestContext,
    @Param('id') id: string,
    @Param('organizationId') organizationId: string,
  ): Promise<void> {
    return this.links.unlinkOrganization(context, id, organizationId);
  }

  @Put('user')
  @Allow('member', { module: 'crm' })
  linkUser(
    @Context() context: RequestContext,
    @Param('id') id: string,
    @Body() { userId }: UserLinkInput,
  ): Promise<UserLinkView> {
    return this.links.linkUser(context, id, userId);
  }

  @Delete('user')
  @HttpCode(204)
  @Allow('member', { module: 'crm' })
  unlinkUser(@Context() context: RequestContext, @Param('id') id: string): Promise<void> {
    return this.links.unlinkUser(context, id);
  }
}
