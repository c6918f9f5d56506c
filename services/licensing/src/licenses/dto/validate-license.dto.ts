import { IsOptional, IsUUID } from 'class-validator';
import { IsModuleCodes } from './module-codes.decorator.js';

export class ValidateLicense {
  /** Any uuid: keys of an import need not be of a version that RFC 9562 knows. */
  @IsUUID('loose')
  licenseKey!: string;

  /** When given, the license must be this organization's. */
  @IsOptional()
  @IsUUID('loose')
  organizationId?: string | null;

  /** Codes of modules that the license must grant. */
  @IsOptional()
  @IsModuleCodes()
  modules?: string[] | null;
}
