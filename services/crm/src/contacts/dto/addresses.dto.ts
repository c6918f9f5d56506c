import { ChangesQuery, Nullable, Optional, SortedBy, Text } from '#common/http/index';

class AddressLines {
  @Nullable()
  @Text(500)
  addressLine1?: string | null;

  @Nullable()
  @Text(500)
  addressLine2?: string | null;

  @Nullable()
  @Text(50)
  postalCode?: string | null;

  @Nullable()
  @Text(100)
  country?: string | null;
}

export class AddressInput extends AddressLines {
  @Text(200)
  city!: string;

  @Text(200)
  state!: string;
}

export class AddressChange extends AddressLines {
  @Optional()
  @Text(200)
  city?: string;

  @Optional()
  @Text(200)
  state?: string;
}

export class AddressesQuery extends ChangesQuery {
  @SortedBy('updatedAt')
  override sort = '-createdAt';

  @Optional()
  @Text(200)
  city?: string;

  @Optional()
  @Text(200)
  state?: string;

  @Optional()
  @Text(100)
  country?: string;
}
