import { applyDecorators } from '@nestjs/common';
import { ArrayMaxSize, IsArray, IsString, MaxLength } from 'class-validator';

/** Codes of modules, 100 at most. */
export const IsModuleCodes = (): PropertyDecorator =>
  applyDecorators(IsArray(), ArrayMaxSize(100), IsString({ each: true }), MaxLength(63, { each: true }));
