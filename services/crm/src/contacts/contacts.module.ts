import { Module } from '@nestjs/common';
import { AddressesController } from './addresses.controller.js';
import { ContactsService } from './contacts.service.js';
import { EmailsController } from './emails.controller.js';
import { PhoneNumbers } from './phone-numbers.js';
import { PhonesController } from './phones.controller.js';

@Module({
  controllers: [EmailsController, PhonesController, AddressesController],
  providers: [ContactsService, PhoneNumbers],
  exports: [PhoneNumbers],
})
export class ContactsModule {}
