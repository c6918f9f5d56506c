import { IsId, Nullable } from '#common/http/index';
import { IsModuleCodes } from './module-codes.decorator.js';

export class ValidateLicense {
  @IsId()
  licenseKey!: string;

  /** When given, the license must be this organization's. */
  @Nullable()
  @IsId()
  organizationId?: string | null;

  /** Codes of modules that the license must grant. */
  @Nullable()
  @IsModuleCodes()
  modules?: string[] | null;
}
