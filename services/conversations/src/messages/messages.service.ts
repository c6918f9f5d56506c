import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { MessageCreated } from '#common/contracts/conversations/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import { byTime, changedAfter, type ListRow, notFound, pageJson, pageStatement } from '#common/http/index';
import { onlyForCaller } from '../conventions/audience.js';
import type { ChangeMessage, CreateMessage } from './dto/message-body.js';
import type { MessagesQuery } from './dto/messages-query.js';
import { type MessageAnswer, messageJson } from './message.answer.js';
import { ChatMessage } from './message.entity.js';

@Injectable()
export class MessagesService {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async list(context: RequestContext, conversationId: string, query: MessagesQuery): Promise<string> {
    const page = pageStatement<MessagesQuery>(
      {
        item: messageJson,
        from: 'chat_messages AS m',
        alias: 'm',
        where: 'm.conversation_id = c.id AND m.user_id = $2',
        values: [conversationId, context.userId],
        filters: {
          role: `CASE WHEN m.role IS NULL THEN 'user' ELSE m.role END = ?`,
          ...changedAfter('m.created_at', 'm.updated_at'),
        },
        sorts: { updatedAt: byTime('m.updated_at') },
        parent: { from: 'conversations AS c', where: 'c.id = $1 AND c.user_id = $2' },
      },
      query,
    );
    const rows = await this.unitOfWork.read<ListRow>(context, page);
    if (rows.length === 0) throw notFound('conversation');
    return pageJson(rows, query);
  }

  async read(context: RequestContext, conversationId: string, id: string): Promise<string> {
    const [row] = await this.unitOfWork.read<{ item: string }>(context, {
      text: `SELECT ${messageJson}::text AS item FROM chat_messages AS m
        WHERE m.id = $1 AND m.conversation_id = $2 AND m.user_id = $3`,
      values: [id, conversationId, context.userId],
    });
    if (!row) throw notFound('message');
    return row.item;
  }

  /** Moves the conversation's `updatedAt`, and so lets the messages of one conversation in one after the other. */
  create(context: RequestContext, conversationId: string, body: CreateMessage): Promise<MessageAnswer> {
    return this.unitOfWork.run(context, async (tx) => {
      const [touched] = await tx.query(
        `UPDATE conversations SET updated_at = greatest(updated_at, $3) WHERE id = $1 AND user_id = $2 RETURNING id`,
        [conversationId, tx.caller.userId, tx.now],
      );
      if (!touched) throw notFound('conversation');
      const id = tx.newId();
      const { messageContent } = body;
      const role = body.role ?? 'user';
      const written = { id, conversationId, messageContent, role, createdAt: tx.now, updatedAt: tx.now, version: 1 };
      tx.insert(ChatMessage, written);
      const now = tx.nowText;
      const { userId } = tx.caller;
      tx.emit(MessageCreated, {
        aggregateId: id,
        version: 1,
        ...onlyForCaller(tx),
        data: { messageId: id, conversationId, userId, role, createdAt: now },
      });
      return { id, conversationId, messageContent, role, createdAt: now, updatedAt: now };
    });
  }

  change(context: RequestContext, conversationId: string, id: string, body: ChangeMessage): Promise<MessageAnswer> {
    return this.unitOfWork.run(context, async (tx) => {
      const { version, message } = await lock(tx, conversationId, id);
      tx.compare(message);
      if (Object.keys(body).length === 0) return message;
      const { messageContent = message.messageContent, role = message.role } = body;
      const change = { messageContent, role: role ?? 'user' };
      const { userId } = tx.caller;
      const written = { ...change, updatedAt: tx.now, version: version + 1 };
      tx.update(ChatMessage, { id, conversationId, userId, version }, written);
      return { ...message, ...change, updatedAt: tx.nowText };
    });
  }

  remove(context: RequestContext, conversationId: string, id: string): Promise<void> {
    return this.unitOfWork.run(context, async (tx) => {
      const { version, message } = await lock(tx, conversationId, id);
      tx.compare(message);
      tx.remove(ChatMessage, { id, conversationId, userId: tx.caller.userId, version });
    });
  }
}

async function lock(
  tx: RequestTx,
  conversationId: string,
  id: string,
): Promise<{ version: number; message: MessageAnswer }> {
  const [row] = await tx.query<{ version: number; message: MessageAnswer }>(
    `SELECT m.version, ${messageJson} AS message FROM chat_messages AS m
     WHERE m.id = $1 AND m.conversation_id = $2 AND m.user_id = $3 FOR UPDATE`,
    [id, conversationId, tx.caller.userId],
  );
  if (!row) throw notFound('message');
  return row;
}
