import { compactObject } from '#common/database/index';

/** A conversation as clients see it. */
export interface ConversationAnswer {
  readonly id: string;
  readonly title: string | null;
  readonly subject: string | null;
  readonly userId: string;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
}

/** Builds a `ConversationAnswer` from a row of `conversations`. */
export const conversationJson = compactObject({
  id: 'id',
  title: 'title',
  subject: 'subject',
  userId: 'user_id',
  createdAt: 'app.iso(created_at)',
  updatedAt: 'app.iso(updated_at)',
});
