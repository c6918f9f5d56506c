import { Body, Controller, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { Allow, type RequestContext } from '#common/auth/index';
import { Context, Creates } from '#common/http/index';
import { CreateModule } from './dto/create-module.dto.js';
import { ModulesQuery } from './dto/modules-query.dto.js';
import { UpdateModule } from './dto/update-module.dto.js';
import { ModulesService } from './modules.service.js';

@Controller('v1/modules')
export class ModulesController {
  constructor(private readonly modules: ModulesService) {}

  @Get()
  @Allow('viewer')
  list(@Context() context: RequestContext, @Query() query: ModulesQuery): Promise<string> {
    return this.modules.list(context, query);
  }

  @Get(':id')
  @Allow('viewer')
  get(@Context() context: RequestContext, @Param('id') id: string): Promise<string> {
    return this.modules.get(context, id);
  }

  @Post()
  @Allow('platform_admin')
  @Creates('/v1/modules/:id')
  create(@Context() context: RequestContext, @Body() body: CreateModule): Promise<string> {
    return this.modules.create(context, body);
  }

  @Patch(':id')
  @Allow('platform_admin')
  update(@Context() context: RequestContext, @Param('id') id: string, @Body() body: UpdateModule): Promise<string> {
    return this.modules.update(context, id, body);
  }
}
