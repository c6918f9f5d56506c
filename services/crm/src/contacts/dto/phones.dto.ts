import { IsBoolean } from 'class-validator';
import { Flag } from '#common/config/index';
import { ChangesQuery, Nullable, Optional, SortedBy, Text } from '#common/http/index';

export class PhoneInput {
  /** Kept as typed; must be a number with its country code unless the service has a default country. */
  @Text(50)
  phone!: string;

  /** Such as `mobile` or `work`. */
  @Nullable()
  @Text(50)
  type?: string | null;

  /** By default true for the first one. True takes the flag from the one that had it. */
  @Optional()
  @IsBoolean()
  isPrimary?: boolean;
}

export class PhoneChange {
  @Optional()
  @Text(50)
  phone?: string;

  @Nullable()
  @Text(50)
  type?: string | null;

  @Optional()
  @IsBoolean()
  isPrimary?: boolean;
}

export class PhonesQuery extends ChangesQuery {
  @SortedBy('updatedAt')
  override sort = '-createdAt';

  /** As it is stored. */
  @Optional()
  @Text(50)
  phone?: string;

  @Optional()
  @Text(50)
  type?: string;

  @Optional()
  @Flag()
  @IsBoolean()
  isPrimary?: boolean;
}
