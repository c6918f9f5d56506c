import type { MessageRole } from '#common/contracts/conversations/index';
import { compactObject, timesOf } from '#common/database/index';

/** A message as clients see it. */
export interface MessageAnswer {
  readonly id: string;
  readonly conversationId: string;
  readonly messageContent: string;
  readonly role: MessageRole;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
}

/** Builds a `MessageAnswer` from a row of `chat_messages` called m. */
export const messageJson = compactObject({
  id: 'm.id',
  conversationId: 'm.conversation_id',
  messageContent: 'm.message_content',
  role: "coalesce(m.role, 'user')",
  ...timesOf('m'),
});
