import { Module } from '@nestjs/common';
import { ContactsModule } from '../contacts/contacts.module.js';
import { OrganizationsModule } from '../organizations/organizations.module.js';
import { CustomersController } from './customers.controller.js';
import { CustomersReader } from './customers.reader.js';
import { CustomersService } from './customers.service.js';

@Module({
  imports: [ContactsModule, OrganizationsModule],
  controllers: [CustomersController],
  providers: [CustomersReader, CustomersService],
})
export class CustomersModule {}
