import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { Allow, type RequestContext } from '#common/auth/index';
import { Conditional, Context, Creates } from '#common/http/index';
import { IssueLicense } from './dto/issue-license.dto.js';
import { LicenseQuery } from './dto/license-query.dto.js';
import { RenewLicense } from './dto/renew-license.dto.js';
import { LicenseChangesService } from './license-changes.service.js';
import { LicensesService } from './licenses.service.js';

@Controller('v1/licenses')
export class LicensesController {
  constructor(
    private readonly licenses: LicensesService,
    private readonly changes: LicenseChangesService,
  ) {}

  @Get()
  @Allow('viewer')
  list(@Context() context: RequestContext, @Query() query: LicenseQuery): Promise<string> {
    return this.licenses.list(context, query);
  }

  @Get(':id')
  @Allow('viewer')
  get(@Context() context: RequestContext, @Param('id') id: string): Promise<string> {
    return this.licenses.get(context, id);
  }

  @Post()
  @Allow('platform_admin')
  @Creates('/v1/licenses/:id')
  issue(@Context() context: RequestContext, @Body() body: IssueLicense): Promise<string> {
    return this.licenses.issue(context, body);
  }

  @Post(':id/renew')
  @HttpCode(200)
  @Allow('platform_admin')
  @Conditional()
  renew(@Context() context: RequestContext, @Param('id') id: string, @Body() body: RenewLicense): Promise<string> {
    return this.changes.renew(context, id, body);
  }

  @Post(':id/suspend')
  @HttpCode(200)
  @Allow('platform_admin')
  @Conditional()
  suspend(@Context() context: RequestContext, @Param('id') id: string): Promise<string> {
    return this.changes.suspend(context, id);
  }

  @Post(':id/reinstate')
  @HttpCode(200)
  @Allow('platform_admin')
  @Conditional()
  reinstate(@Context() context: RequestContext, @Param('id') id: string): Promise<string> {
    return this.changes.reinstate(context, id);
  }

  @Post(':id/revoke')
  @HttpCode(200)
  @Allow('platform_admin')
  @Conditional()
  revoke(@Context() context: RequestContext, @Param('id') id: string): Promise<string> {
    return this.changes.revoke(context, id);
  }
}
