import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { type RequestContext, SignedIn } from '#common/auth/index';
import { Context, Creates } from '#common/http/index';
import { ChangeFunction, CreateFunction } from './dto/function-body.js';
import { FunctionsQuery } from './dto/functions-query.js';
import type { FunctionAnswer } from './function.answer.js';
import { FunctionsService } from './functions.service.js';

@Controller('v1/functions')
export class FunctionsController {
  constructor(private readonly functions: FunctionsService) {}

  @Get()
  @SignedIn()
  list(@Context() context: RequestContext, @Query() query: FunctionsQuery): Promise<string> {
    return this.functions.list(context, query);
  }

  @Post()
  @SignedIn({ module: 'functions' })
  @Creates('/v1/functions/:id')
  create(@Context() context: RequestContext, @Body() body: CreateFunction): Promise<FunctionAnswer> {
    return this.functions.create(context, body);
  }

  @Get(':id')
  @SignedIn()
  read(@Context() context: RequestContext, @Param('id') id: string): Promise<string> {
    return this.functions.read(context, id);
  }

  @Patch(':id')
  @SignedIn({ module: 'functions' })
  change(
    @Context() context: RequestContext,
    @Param('id') id: string,
    @Body() body: ChangeFunction,
  ): Promise<FunctionAnswer> {
    return this.functions.change(context, id, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @SignedIn({ module: 'functions' })
  remove(@Context() context: RequestContext, @Param('id') id: string): Promise<void> {
    return this.functions.remove(context, id);
  }
}
