import { IsBoolean, IsEmail } from 'class-validator';
import { Flag } from '#common/config/index';
import { ChangesQuery, Optional, SortedBy, Text } from '#common/http/index';

export class EmailInput {
  @Text(320)
  @IsEmail()
  email!: string;

  /** By default true for the first one. True takes the flag from the one that had it. */
  @Optional()
  @IsBoolean()
  isPrimary?: boolean;
}

export class EmailChange {
  @Optional()
  @Text(320)
  @IsEmail()
  email?: string;

  @Optional()
  @IsBoolean()
  isPrimary?: boolean;
}

export class EmailsQuery extends ChangesQuery {
  @SortedBy('updatedAt')
  override sort = '-createdAt';

  @Optional()
  @Text(320)
  @IsEmail()
  email?: string;

  @Optional()
  @Flag()
  @IsBoolean()
  isPrimary?: boolean;
}
