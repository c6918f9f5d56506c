import { ConversationDeleted, FunctionDeleted } from '#common/contracts/conversations/index';
import type { Tx } from '#common/database/index';
import { onlyFor } from '../conventions/audience.js';
import { functionOwner } from '../functions/function.answer.js';
import { countErased } from './erasure.js';

/** Rows deleted in one transaction at most. */
const limits = { conversations: 500, messages: 5_000, functions: 500 };

interface Versioned {
  readonly id: string;
  readonly version: number;
}

/** Deletes a part of what a user wrote, with its events; false when it found nothing that it could delete. */
export async function eraseBatch(tx: Tx, userId: string): Promise<boolean> {
  const { conversations, messages } = await eraseConversations(tx, userId);
  const functions = await eraseFunctions(tx, userId);
  if (conversations + messages + functions === 0) return false;
  countErased(tx, userId, { conversations, messages, functions });
  return true;
}

/** Whether anything is left; what a request under way has locked is passed over by `eraseBatch`. */
export async function isAnythingLeft(tx: Tx, userId: string): Promise<boolean> {
  const [row] = await tx.query<{ left: boolean }>(
    `SELECT EXISTS (SELECT FROM conversations WHERE user_id = $1)
       OR EXISTS (SELECT FROM functions WHERE ${functionOwner} = $1) AS left`,
    [userId],
  );
  return row!.left;
}

/** A conversation goes when its last message has gone: locked, it gets no new one meanwhile. */
async function eraseConversations(tx: Tx, userId: string): Promise<{ conversations: number; messages: number }> {
  const found = await tx.query<{ id: string }>(
    `SELECT id FROM conversations WHERE user_id = $1 ORDER BY id LIMIT ${limits.conversations} FOR UPDATE SKIP LOCKED`,
    [userId],
  );
  if (found.length === 0) return { conversations: 0, messages: 0 };
  const ids = found.map(({ id }) => id);
  const [gone] = await tx.query<{ messages: number }>(
    `WITH gone AS (
       DELETE FROM chat_messages WHERE id = ANY (ARRAY(
         SELECT id FROM chat_messages WHERE conversation_id = ANY ($1) LIMIT ${limits.messages} FOR UPDATE SKIP LOCKED))
       RETURNING 1
     ) SELECT count(*)::integer AS messages FROM gone`,
    [ids],
  );
  const empty = await tx.query<Versioned & Record<string, unknown>>(
    `DELETE FROM conversations AS c WHERE id = ANY ($1)
       AND NOT EXISTS (SELECT FROM chat_messages AS m WHERE m.conversation_id = c.id)
     RETURNING id, version`,
    [ids],
  );
  for (const { id, version } of empty) {
    const data = { conversationId: id, userId };
    tx.emit(ConversationDeleted, { aggregateId: id, version: version + 1, ...onlyFor(userId), data });
  }
  return { conversations: empty.length, messages: gone!.messages };
}

async function eraseFunctions(tx: Tx, userId: string): Promise<number> {
  const gone = await tx.query<Versioned & Record<string, unknown>>(
    `DELETE FROM functions WHERE id = ANY (ARRAY(
       SELECT id FROM functions WHERE ${functionOwner} = $1 LIMIT ${limits.functions}
       FOR UPDATE SKIP LOCKED))
     RETURNING id, version`,
    [userId],
  );
  for (const { id, version } of gone) {
    const data = { functionId: id, userId };
    tx.emit(FunctionDeleted, { aggregateId: id, version: version + 1, ...onlyFor(userId), data });
  }
  return gone.length;
}
