import { ValidateIf } from 'class-validator';
import { ModuleName } from './module-name.decorator.js';

export class UpdateModule {
  @ValidateIf((_, value) => value !== undefined)
  @ModuleName()
  name?: string;
}
