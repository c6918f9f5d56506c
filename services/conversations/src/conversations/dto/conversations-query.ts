import { ChangesQuery, Optional, SortedBy, Text } from '#common/http/index';

export class ConversationsQuery extends ChangesQuery {
  @SortedBy('updatedAt', 'title')
  override sort = '-createdAt';

  /** As it is written, like `subject`. */
  @Optional()
  @Text(500)
  title?: string;

  @Optional()
  @Text(2_000)
  subject?: string;
}
