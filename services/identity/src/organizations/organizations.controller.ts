import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Allow, type RequestContext, SignedIn } from '#common/auth/index';
import { Context } from '#common/http/index';
import { ChangeOrganization, CreateOrganization } from './dto/organization.dto.js';
import { OrganizationsQuery } from './dto/organizations-query.dto.js';
import { OrganizationsService } from './organizations.service.js';

@Controller('v1/organizations')
export class OrganizationsController {
  constructor(private readonly organizations: OrganizationsService) {}

  @Get()
  @SignedIn()
  list(@Context() context: RequestContext, @Query() query: OrganizationsQuery) {
    return this.organizations.list(context, query);
  }

  @Post()
  @SignedIn()
  async create(
    @Context() context: RequestContext,
    @Body() body: CreateOrganization,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const organization = await this.organizations.create(context, body);
    reply.header('location', `/v1/organizations/${organization.id}`);
    return organization;
  }

  @Get(':id')
  @SignedIn()
  read(@Context() context: RequestContext, @Param('id') id: string) {
    return this.organizations.read(context, id);
  }

  @Patch(':id')
  @Allow('admin')
  change(@Context() context: RequestContext, @Param('id') id: string, @Body() body: ChangeOrganization) {
    return this.organizations.change(context, id, body);
  }

  @Delete(':id')
  @Allow('owner')
  @HttpCode(204)
  async remove(@Context() context: RequestContext, @Param('id') id: string): Promise<void> {
    await this.organizations.remove(context, id);
  }
}
