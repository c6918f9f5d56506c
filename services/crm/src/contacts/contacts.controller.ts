import { Delete, Get, HttpCode, Param } from '@nestjs/common';
import { Allow, type RequestContext, SignedIn } from '#common/auth/index';
import { Context } from '#common/http/index';
import type { ContactKind, ContactList } from './contact-kinds.js';
import type { ContactsService } from './contacts.service.js';

/** What is the same on the routes of every kind of contact. */
export abstract class ContactsController<List extends ContactList> {
  protected constructor(
    protected readonly contacts: ContactsService,
    protected readonly kind: ContactKind<List>,
  ) {}

  @Get(':id')
  @SignedIn()
  one(
    @Context() context: RequestContext,
    @Param('customerId') customerId: string,
    @Param('id') id: string,
  ): Promise<string> {
    return this.contacts.one(context, this.kind, customerId, id);
  }

  @Delete(':id')
  @HttpCode(204)
  @Allow('member', { module: 'crm' })
  remove(
    @Context() context: RequestContext,
    @Param('customerId') customerId: string,
    @Param('id') id: string,
  ): Promise<void> {
    return this.contacts.remove(context, this.kind, customerId, id);
  }
}
