import { Nullable, Text } from '#common/http/index';

/** Body of POST and PATCH; what PATCH does not name stays as it is, null removes it. */
export class ConversationBody {
  @Nullable()
  @Text(500)
  title?: string | null;

  @Nullable()
  @Text(2_000)
  subject?: string | null;
}
