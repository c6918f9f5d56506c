import { Body, Controller, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { Allow, type RequestContext, SignedIn } from '#common/auth/index';
import { Context, Creates } from '#common/http/index';
import type { AddressView } from '../customers/customer.view.js';
import { addresses } from './contact-kinds.js';
import { ContactsController } from './contacts.controller.js';
import { ContactsService } from './contacts.service.js';
import { AddressChange, AddressesQuery, AddressInput } from './dto/addresses.dto.js';

@Controller('v1/customers/:customerId/addresses')
export class AddressesController extends ContactsController<'addresses'> {
  constructor(contacts: ContactsService) {
    super(contacts, addresses);
  }

  @Get()
  @SignedIn()
  list(
    @Context() context: RequestContext,
    @Param('customerId') customerId: string,
    @Query() page: AddressesQuery,
  ): Promise<string> {
    return this.contacts.list(context, this.kind, customerId, page);
  }

  @Post()
  @Allow('member', { module: 'crm' })
  @Creates('/v1/customers/:customerId/addresses/:id')
  create(
    @Context() context: RequestContext,
    @Param('customerId') customerId: string,
    @Body() input: AddressInput,
  ): Promise<AddressView> {
    return this.contacts.createAddress(context, customerId, input);
  }

  @Patch(':id')
  @Allow('member', { module: 'crm' })
  change(
    @Context() context: RequestContext,
    @Param('customerId') customerId: string,
    @Param('id') id: string,
    @Body() change: AddressChange,
  ): Promise<AddressView> {
    return this.contacts.change(context, this.kind, customerId, id, change);
  }
}
