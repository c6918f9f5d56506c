import { IsDefined, IsString, ValidateIf } from 'class-validator';
import { Nullable } from '#common/http/index';
import { BoundedJson } from '../../users/bounded-json.js';

export class PutPreference {
  /** May be repeated; then it must be the one in the path. */
  @Nullable()
  @IsString()
  preferenceKey?: string;

  /** Any JSON value, also null: 16 kB and 5 levels at most. */
  @ValidateIf((_, value) => value !== null)
  @IsDefined()
  @BoundedJson({ bytes: 16 * 1_024, depth: 5 })
  preferenceValue!: unknown;
}
