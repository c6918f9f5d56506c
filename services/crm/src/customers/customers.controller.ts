import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { Allow, type RequestContext, SignedIn } from '#common/auth/index';
import { Context, Creates } from '#common/http/index';
import type { CustomerView } from './customer.view.js';
import { CustomersReader } from './customers.reader.js';
import { CustomersService } from './customers.service.js';
import { CustomerChange, CustomerInput } from './dto/customer.dto.js';
import { CustomersQuery } from './dto/customers-query.dto.js';

@Controller('v1/customers')
export class CustomersController {
  constructor(
    private readonly customers: CustomersService,
    private readonly reader: CustomersReader,
  ) {}

  @Get()
  @Allow('viewer')
  list(@Context() context: RequestContext, @Query() query: CustomersQuery): Promise<string> {
    return this.reader.list(context, query);
  }

  @Post()
  @Allow('member', { module: 'crm' })
  @Creates('/v1/customers/:id')
  create(@Context() context: RequestContext, @Body() input: CustomerInput): Promise<CustomerView> {
    return this.customers.create(context, input);
  }

  @Get(':id')
  @SignedIn()
  one(@Context() context: RequestContext, @Param('id') id: string): Promise<string> {
    return this.reader.one(context, id);
  }

  @Patch(':id')
  @Allow('member', { module: 'crm' })
  change(
    @Context() context: RequestContext,
    @Param('id') id: string,
    @Body() change: CustomerChange,
  ): Promise<CustomerView> {
    return this.customers.change(context, id, change);
  }

  @Delete(':id')
  @HttpCode(204)
  @Allow('member', { module: 'crm' })
  remove(@Context() context: RequestContext, @Param('id') id: string): Promise<void> {
    return this.customers.remove(context, id);
  }
}
