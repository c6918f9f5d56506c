import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { IsIn } from 'class-validator';
import type { RequestContext } from '../auth/caller.js';
import { Allow } from '../auth/policy.js';
import { ServiceIdentity } from '../bootstrap/service-identity.js';
import { type ServiceName, serviceNames } from '../contracts/topology.js';
import { Context } from '../http/context.js';
import { Unconditional } from '../http/conventions.js';
import { Optional, Text } from '../http/fields.js';
import { CursorQuery } from '../http/page.js';
import { invalid, notFound } from '../http/problem.js';
import { EventsAdmin, type EventStatus, type Intervened } from './events-admin.js';

class InterventionBody {
  /** Why; kept with who did it. */
  @Text(500)
  reason!: string;

  /** Where the event is parked; needed when it is at several. */
  @Optional()
  @IsIn(serviceNames)
  subscriber?: ServiceName;
}

@Controller('v1/admin/events/:source')
export class EventsAdminController {
  constructor(
    private readonly identity: ServiceIdentity,
    private readonly admin: EventsAdmin,
  ) {}

  @Get()
  @Allow('platform_admin')
  @Unconditional('it tells of a moment')
  status(
    @Context() context: RequestContext,
    @Param('source') source: string,
    @Query() query: CursorQuery,
  ): Promise<EventStatus> {
    this.refuseOther(source);
    return this.admin.status(context, query);
  }

  @Post('parked/:sequence/:action')
  @HttpCode(202)
  @Allow('platform_admin')
  intervene(
    @Context() context: RequestContext,
    @Param() { source, sequence: text, action }: Record<'source' | 'sequence' | 'action', string>,
    @Body() { reason, subscriber }: InterventionBody,
  ): Promise<Intervened> {
    this.refuseOther(source);
    if (action !== 'replay' && action !== 'discard') throw notFound('action');
    if (!/^[1-9]\d{0,14}$/.test(text)) throw invalid('{sequence}', 'sequence must be a positive number');
    return this.admin.intervene(context, { action, sequence: Number(text), reason }, subscriber);
  }

  private refuseOther(source: string): void {
    if (source !== this.identity.name) throw notFound('source');
  }
}
