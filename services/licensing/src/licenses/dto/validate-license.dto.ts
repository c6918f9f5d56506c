import { IsUUID } from 'class-validator';
import { Nullable } from '#common/http/index';
import { IsModuleCodes } from './module-codes.decorator.js';

export class ValidateLicense {
  @IsUUID('loose')
  licenseKey!: string;

  /** When given, the license must be this organization's. */
  @Nullable()
  @IsUUID('loose')
  organizationId?: string | null;

  /** Codes of modules that the license must grant. */
  @Nullable()
  @IsModuleCodes()
  modules?: string[] | null;
}
