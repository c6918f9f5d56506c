import { ChangesQuery, Optional, SortedBy, Text } from '#common/http/index';

export class FunctionsQuery extends ChangesQuery {
  @SortedBy('updatedAt', 'name')
  override sort = '-createdAt';

  /** As it is written. */
  @Optional()
  @Text(200)
  name?: string;
}
