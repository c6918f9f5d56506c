import { Controller, Delete, Get, HttpCode, Param, Put, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Allow, type RequestContext } from '#common/auth/index';
import { Context } from '#common/http/index';
import { LicenseModulesQuery } from './dto/license-query.dto.js';
import { LicenseModulesService } from './license-modules.service.js';

@Controller('v1/licenses/:id/modules')
export class LicenseModulesController {
  constructor(private readonly licenseModules: LicenseModulesService) {}

  @Get()
  @Allow('viewer')
  list(
    @Context() context: RequestContext,
    @Param('id') id: string,
    @Query() query: LicenseModulesQuery,
  ): Promise<string> {
    return this.licenseModules.list(context, id, query);
  }

  /** 201 when the license did not grant the module before, else 200. */
  @Put(':moduleId')
  @Allow('platform_admin')
  async grant(
    @Context() context: RequestContext,
    @Param('id') id: string,
    @Param('moduleId') moduleId: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const { created, item } = await this.licenseModules.grant(context, id, moduleId);
    reply.status(created ? 201 : 200);
    return item;
  }

  @Delete(':moduleId')
  @HttpCode(204)
  @Allow('platform_admin')
  withdraw(
    @Context() context: RequestContext,
    @Param('id') id: string,
    @Param('moduleId') moduleId: string,
  ): Promise<void> {
    return this.licenseModules.withdraw(context, id, moduleId);
  }
}
