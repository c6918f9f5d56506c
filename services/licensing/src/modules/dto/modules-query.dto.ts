import { ChangesQuery, Optional, SortedBy, Text } from '#common/http/index';

export class ModulesQuery extends ChangesQuery {
  @SortedBy('updatedAt', 'code', 'name')
  override sort = '-createdAt';

  @Optional()
  @Text(63)
  code?: string;

  /** As it is written. */
  @Optional()
  @Text(200)
  name?: string;
}
