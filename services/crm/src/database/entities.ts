import { CustomerAddress } from '../contacts/customer-address.entity.js';
import { CustomerEmail } from '../contacts/customer-email.entity.js';
import { CustomerPhone } from '../contacts/customer-phone.entity.js';
import { Customer } from '../customers/customer.entity.js';
import { CustomerOrganization } from '../links/customer-organization.entity.js';
import { CustomerUser } from '../links/customer-user.entity.js';

export const entities = [Customer, CustomerEmail, CustomerPhone, CustomerAddress, CustomerOrganization, CustomerUser];
