import { Transform } from 'class-transformer';
import { IsByteLength, IsString } from 'class-validator';
import { Nullable, Optional, Text } from '#common/http/index';
import { IsInputSchema } from './input-schema.js';

/** Bytes of code in UTF-8 at most. */
const codeLimit = 100_000;

/** Takes JSON as it was sent: class-transformer would copy it without keys such as `toString`. */
const AsSent = (): PropertyDecorator => Transform(({ obj, key }) => (obj as Record<string, unknown>)[key]);

export class CreateFunction {
  @Text(200)
  name!: string;

  @Nullable()
  @Text(4_000)
  description?: string | null;

  @IsString()
  @IsByteLength(1, codeLimit)
  code!: string;

  /** JSON Schema of the input. */
  @Nullable()
  @AsSent()
  @IsInputSchema()
  parameters?: object | null;
}

/** What is not named stays as it is; null removes a description or parameters. */
export class ChangeFunction {
  @Optional()
  @Text(200)
  name?: string;

  @Nullable()
  @Text(4_000)
  description?: string | null;

  @Optional()
  @IsString()
  @IsByteLength(1, codeLimit)
  code?: string;

  @Nullable()
  @AsSent()
  @IsInputSchema()
  parameters?: object | null;
}
