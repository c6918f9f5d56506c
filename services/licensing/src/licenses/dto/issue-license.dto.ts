import { IsOptional, IsUUID } from 'class-validator';
import { IsInstant } from './instant.decorator.js';
import { IsModuleCodes } from './module-codes.decorator.js';

export class IssueLicense {
  @IsUUID()
  organizationId!: string;

  /** In the future; without it the license never expires. */
  @IsOptional()
  @IsInstant()
  expirationDate?: string | null;

  /** Codes of the modules that it grants; none by default. */
  @IsOptional()
  @IsModuleCodes()
  modules?: string[] | null;
}
