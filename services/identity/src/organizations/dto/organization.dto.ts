import { Transform } from 'class-transformer';
import { IsNotEmpty, IsString, MaxLength, ValidateIf } from 'class-validator';

const Name = (): PropertyDecorator => (target, property) => {
  Transform(({ value }) => (typeof value === 'string' ? value.trim() : (value as unknown)))(target, property);
  IsString()(target, property);
  IsNotEmpty()(target, property);
  MaxLength(200)(target, property);
};

export class CreateOrganization {
  @Name()
  name!: string;
}

export class ChangeOrganization {
  @ValidateIf((_, value) => value !== undefined)
  @Name()
  name?: string;
}
