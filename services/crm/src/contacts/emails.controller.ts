import { Body, Controller, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { Allow, type RequestContext, SignedIn } from '#common/auth/index';
import { Context, Creates } from '#common/http/index';
import type { EmailView } from '../customers/customer.view.js';
import { emails } from './contact-kinds.js';
import { ContactsController } from './contacts.controller.js';
import { ContactsService } from './contacts.service.js';
import { EmailChange, EmailInput, EmailsQuery } from './dto/emails.dto.js';

@Controller('v1/customers/:customerId/emails')
export class EmailsController extends ContactsController<'emails'> {
  constructor(contacts: ContactsService) {
    super(contacts, emails);
  }

  @Get()
  @SignedIn()
  list(
    @Context() context: RequestContext,
    @Param('customerId') customerId: string,
    @Query() page: EmailsQuery,
  ): Promise<string> {
    return this.contacts.list(context, this.kind, customerId, page);
  }

  @Post()
  @Allow('member', { module: 'crm' })
  @Creates('/v1/customers/:customerId/emails/:id')
  create(
    @Context() context: RequestContext,
    @Param('customerId') customerId: string,
    @Body() input: EmailInput,
  ): Promise<EmailView> {
    return this.contacts.createEmail(context, customerId, input);
  }

  @Patch(':id')
  @Allow('member', { module: 'crm' })
  change(
    @Context() context: RequestContext,
    @Param('customerId') customerId: string,
    @Param('id') id: string,
    @Body() change: EmailChange,
  ): Promise<EmailView> {
    return this.contacts.change(context, this.kind, customerId, id, change);
  }
}
