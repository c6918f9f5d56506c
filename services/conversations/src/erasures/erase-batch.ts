import { ConversationDeleted, FunctionDeleted } from '#common/contracts/conversations/index';
import type { Tx } from '#common/database/index';
import { onlyFor } from '../conventions/audience.js';
import { countErased } from './erasure.js';

/** Rows deleted in one transaction at most. */
const limits = { conversations: 100, messages: 5_000, functions: 500 };

interface Versioned {
  readonly id: string;
  readonly version: number;
}

/** Deletes a part of what a user wrote, with its events; false when nothing is left. */
export async function eraseBatch(tx: Tx, userId: string): Promise<boolean> {
  const { conversations, messages } = await eraseConversations(tx, userId);
  const functions = await eraseFunctions(tx, userId);
  if (conversations + messages + functions === 0) return false;
  countErased(tx, userId, { conversations, messages, functions });
  return true;
}

/** A conversation goes when its last message has gone: locked, it gets no new one meanwhile. */
async function eraseConversations(tx: Tx, userId: string): Promise<{ conversations: number; messages: number }> {
  const found = await tx.query<Versioned & Record<string, unknown>>(
    `SELECT id, version FROM conversations WHERE user_id = $1 ORDER BY id LIMIT ${limits.conversations} FOR UPDATE`,
    [userId],
  );
  if (found.length === 0) return { conversations: 0, messages: 0 };
  const ids = found.map(({ id }) => id);
  const [gone] = await tx.query<{ messages: number }>(
    `WITH gone AS (
       DELETE FROM chat_messages WHERE id = ANY (ARRAY(
         SELECT id FROM chat_messages WHERE conversation_id = ANY ($1) LIMIT ${limits.messages}))
       RETURNING 1
     ) SELECT count(*)::integer AS messages FROM gone`,
    [ids],
  );
  const messages = gone!.messages;
  if (messages === limits.messages) return { conversations: 0, messages };
  tx.execute(`DELETE FROM conversations WHERE id = ANY ($1)`, [ids]);
  for (const { id, version } of found) {
    const data = { conversationId: id, userId };
    tx.emit(ConversationDeleted, { aggregateId: id, version: version + 1, ...onlyFor(userId), data });
  }
  return { conversations: found.length, messages };
}

async function eraseFunctions(tx: Tx, userId: string): Promise<number> {
  const gone = await tx.query<Versioned & Record<string, unknown>>(
    `DELETE FROM functions WHERE id = ANY (ARRAY(
       SELECT id FROM functions WHERE coalesce(user_id, created_by) = $1 LIMIT ${limits.functions} FOR UPDATE))
     RETURNING id, version`,
    [userId],
  );
  for (const { id, version } of gone) {
    const data = { functionId: id, userId };
    tx.emit(FunctionDeleted, { aggregateId: id, version: version + 1, ...onlyFor(userId), data });
  }
  return gone.length;
}
