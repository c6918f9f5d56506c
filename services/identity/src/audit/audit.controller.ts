import { Controller, Get, Param, Query } from '@nestjs/common';
import { Allow, type RequestContext } from '#common/auth/index';
import { Context } from '#common/http/index';
import { AuditService } from './audit.service.js';
import { AuditQuery } from './dto/audit-query.dto.js';

@Controller('v1/organizations/:organizationId/audit-log')
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @Get()
  @Allow('admin')
  list(
    @Context() context: RequestContext,
    @Param('organizationId') organizationId: string,
    @Query() query: AuditQuery,
  ) {
    return this.audit.list(context, organizationId, query);
  }
}
