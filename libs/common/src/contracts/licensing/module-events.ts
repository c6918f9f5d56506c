import { IsString, IsUUID } from 'class-validator';
import { EventContract } from '../contract.js';

const module = { moduleId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a06', code: 'reports', name: 'Reports' };

@EventContract({
  type: 'module.created',
  source: 'licensing',
  version: 1,
  description: 'The catalogue has one more module that licenses can grant.',
  example: module,
})
export class ModuleCreated {
  @IsUUID('loose') moduleId!: string;
  /** Fixed for life. */
  @IsString() code!: string;
  @IsString() name!: string;
}

@EventContract({
  type: 'module.updated',
  source: 'licensing',
  version: 1,
  description: 'A module has another name.',
  example: { ...module, name: 'Reporting' },
})
export class ModuleUpdated {
  @IsUUID('loose') moduleId!: string;
  @IsString() code!: string;
  @IsString() name!: string;
}
