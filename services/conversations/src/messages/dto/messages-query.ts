import { IsIn } from 'class-validator';
import { type MessageRole, messageRoles } from '#common/contracts/conversations/index';
import { ChangesQuery, Optional, SortedBy } from '#common/http/index';

export class MessagesQuery extends ChangesQuery {
  @SortedBy('updatedAt')
  override sort = '-createdAt';

  @Optional()
  @IsIn(messageRoles)
  role?: MessageRole;
}
