import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { Allow, type RequestContext, SignedIn } from '#common/auth/index';
import { Context, Creates } from '#common/http/index';
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
  @Creates('/v1/organizations/:id')
  create(@Context() context: RequestContext, @Body() body: CreateOrganization) {
    return this.organizations.create(context, body);
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
