import { IsId, Nullable } from '#common/http/index';
import { IsInstant } from './instant.decorator.js';
import { IsModuleCodes } from './module-codes.decorator.js';

export class IssueLicense {
  @IsId()
  organizationId!: string;

  /** In the future; without it the license never expires. */
  @Nullable()
  @IsInstant()
  expirationDate?: string | null;

  /** Codes of the modules that it grants; none by default. */
  @Nullable()
  @IsModuleCodes()
  modules?: string[] | null;
}
