import { Controller, Get, Query } from '@nestjs/common';
import { IsIn } from 'class-validator';
import type { RequestContext } from '../auth/caller.js';
import { Allow } from '../auth/policy.js';
import { Context } from '../http/context.js';
import { IsId, Optional } from '../http/fields.js';
import { PageQuery } from '../http/page.js';
import { type DeletionKind, deletionKinds } from './deletions.js';
import { DeletionsAdmin, type DeletionPage, deletionStates, type OverallState } from './deletions-admin.js';

class DeletionsQuery extends PageQuery {
  @Optional()
  @IsIn(deletionKinds)
  kind?: DeletionKind;

  @Optional()
  @IsId()
  id?: string;

  @Optional()
  @IsIn(deletionStates)
  state?: OverallState;
}

/** At the owner of what is deleted. */
@Controller('v1/admin/deletions')
export class DeletionsAdminController {
  constructor(private readonly admin: DeletionsAdmin) {}

  @Get()
  @Allow('platform_admin')
  list(@Context() context: RequestContext, @Query() query: DeletionsQuery): Promise<DeletionPage> {
    return this.admin.list(context, query);
  }
}
