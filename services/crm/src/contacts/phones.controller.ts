import { Body, Controller, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { Allow, type RequestContext, SignedIn } from '#common/auth/index';
import { Context, Creates } from '#common/http/index';
import type { PhoneView } from '../customers/customer.view.js';
import { phones } from './contact-kinds.js';
import { ContactsController } from './contacts.controller.js';
import { ContactsService } from './contacts.service.js';
import { PhoneChange, PhoneInput, PhonesQuery } from './dto/phones.dto.js';

@Controller('v1/customers/:customerId/phones')
export class PhonesController extends ContactsController<'phones'> {
  constructor(contacts: ContactsService) {
    super(contacts, phones);
  }

  @Get()
  @SignedIn()
  list(
    @Context() context: RequestContext,
    @Param('customerId') customerId: string,
    @Query() page: PhonesQuery,
  ): Promise<string> {
    return this.contacts.list(context, this.kind, customerId, page);
  }

  @Post()
  @Allow('member', { module: 'crm' })
  @Creates('/v1/customers/:customerId/phones/:id')
  create(
    @Context() context: RequestContext,
    @Param('customerId') customerId: string,
    @Body() input: PhoneInput,
  ): Promise<PhoneView> {
    return this.contacts.createPhone(context, customerId, input);
  }

  @Patch(':id')
  @Allow('member', { module: 'crm' })
  change(
    @Context() context: RequestContext,
    @Param('customerId') customerId: string,
    @Param('id') id: string,
    @Body() change: PhoneChange,
  ): Promise<PhoneView> {
    return this.contacts.changePhone(context, customerId, id, change);
  }
}
