import { Transform } from 'class-transformer';
import { IsByteLength, IsOptional, IsString, Length } from 'class-validator';
import { MayBeAbsent, Trimmed } from '../../conventions/text.js';
import { IsInputSchema } from './input-schema.js';

/** Bytes of code in UTF-8 at most. */
const codeLimit = 100_000;

/** Takes JSON as it was sent: class-transformer would copy it without keys such as `toString`. */
const AsSent = (): PropertyDecorator => Transform(({ obj, key }) => (obj as Record<string, unknown>)[key]);

export class CreateFunction {
  @Trimmed()
  @IsString()
  @Length(1, 200)
  name!: string;

  @IsOptional()
  @Trimmed()
  @IsString()
  @Length(1, 4_000)
  description?: string | null;

  @IsString()
  @IsByteLength(1, codeLimit)
  code!: string;

  /** JSON Schema of the input. */
  @IsOptional()
  @AsSent()
  @IsInputSchema()
  parameters?: object | null;
}

/** What is not named stays as it is; null removes a description or parameters. */
export class ChangeFunction {
  @MayBeAbsent()
  @Trimmed()
  @IsString()
  @Length(1, 200)
  name?: string;

  @IsOptional()
  @Trimmed()
  @IsString()
  @Length(1, 4_000)
  description?: string | null;

  @MayBeAbsent()
  @IsString()
  @IsByteLength(1, codeLimit)
  code?: string;

  @IsOptional()
  @AsSent()
  @IsInputSchema()
  parameters?: object | null;
}
