import { IsBoolean, IsString, IsUUID } from 'class-validator';
import { EventContract } from '../contract.js';

const organizationId = '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a01';

@EventContract({
  type: 'organization.created',
  source: 'identity',
  version: 1,
  description: 'An organization exists; its first owner follows as profile.created.',
  example: { organizationId, name: 'Acme', isOperator: false },
})
export class OrganizationCreated {
  @IsUUID('loose') organizationId!: string;
  @IsString() name!: string;
  /** True for the operator's own organization. */
  @IsBoolean() isOperator!: boolean;
}

@EventContract({
  type: 'organization.updated',
  source: 'identity',
  version: 1,
  description: 'An organization has another name.',
  example: { organizationId, name: 'Acme Ltd', isOperator: false },
})
export class OrganizationUpdated {
  @IsUUID('loose') organizationId!: string;
  @IsString() name!: string;
  @IsBoolean() isOperator!: boolean;
}

@EventContract({
  type: 'organization.deleted',
  source: 'identity',
  version: 1,
  description: 'An organization is gone; what belongs to it is revoked or removed by its owners.',
  example: { organizationId },
})
export class OrganizationDeleted {
  @IsUUID('loose') organizationId!: string;
}
