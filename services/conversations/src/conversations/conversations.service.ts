import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { ConversationCreated, ConversationDeleted, ConversationUpdated } from '#common/contracts/conversations/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import { byText, byTime, changedAfter, type ListRow, notFound, pageJson, pageStatement } from '#common/http/index';
import { onlyForCaller } from '../conventions/audience.js';
import { type ConversationAnswer, conversationJson } from './conversation.answer.js';
import { Conversation } from './conversation.entity.js';
import type { ConversationBody } from './dto/conversation-body.js';
import type { ConversationsQuery } from './dto/conversations-query.js';

@Injectable()
export class ConversationsService {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async list(context: RequestContext, query: ConversationsQuery): Promise<string> {
    const page = pageStatement<ConversationsQuery>(
      {
        item: conversationJson,
        from: 'conversations',
        alias: 'conversations',
        where: 'user_id = $1',
        values: [context.userId],
        filters: { title: 'title = ?', subject: 'subject = ?', ...changedAfter('created_at', 'updated_at') },
        sorts: { updatedAt: byTime('updated_at'), title: byText('title') },
      },
      query,
    );
    return pageJson(await this.unitOfWork.read<ListRow>(context, page), query);
  }

  async read(context: RequestContext, id: string): Promise<string> {
    const [row] = await this.unitOfWork.read<{ item: string }>(context, {
      text: `SELECT ${conversationJson}::text AS item FROM conversations WHERE id = $1 AND user_id = $2`,
      values: [id, context.userId],
    });
    if (!row) throw notFound('conversation');
    return row.item;
  }

  create(context: RequestContext, { title = null, subject = null }: ConversationBody): Promise<ConversationAnswer> {
    return this.unitOfWork.run(context, async (tx) => {
      const { userId } = tx.caller;
      const id = tx.newId();
      tx.insert(Conversation, { id, title, subject, userId, createdAt: tx.now, updatedAt: tx.now, version: 1 });
      const now = tx.nowText;
      const conversation = { id, title, subject, userId, createdAt: now, updatedAt: now };
      tx.emit(ConversationCreated, stateOf(tx, conversation, 1));
      return conversation;
    });
  }

  change(context: RequestContext, id: string, change: ConversationBody): Promise<ConversationAnswer> {
    return this.unitOfWork.run(context, async (tx) => {
      const { version, conversation } = await lock(tx, id);
      tx.compare(conversation);
      if (Object.keys(change).length === 0) return conversation;
      const written = { ...change, updatedAt: tx.now, version: version + 1 };
      tx.update(Conversation, { id, userId: tx.caller.userId, version }, written);
      const changed = { ...conversation, ...change, updatedAt: tx.nowText };
      tx.emit(ConversationUpdated, stateOf(tx, changed, version + 1));
      return changed;
    });
  }

  /** The messages go with it. */
  remove(context: RequestContext, id: string): Promise<void> {
    return this.unitOfWork.run(context, async (tx) => {
      const { version, conversation } = await lock(tx, id);
      tx.compare(conversation);
      const { userId } = tx.caller;
      tx.remove(Conversation, { id, userId, version });
      tx.emit(ConversationDeleted, {
        aggregateId: id,
        version: version + 1,
        ...onlyForCaller(tx),
        data: { conversationId: id, userId },
      });
    });
  }
}

async function lock(tx: RequestTx, id: string): Promise<{ version: number; conversation: ConversationAnswer }> {
  const [row] = await tx.query<{ version: number; conversation: ConversationAnswer }>(
    `SELECT version, ${conversationJson} AS conversation FROM conversations
     WHERE id = $1 AND user_id = $2 FOR UPDATE`,
    [id, tx.caller.userId],
  );
  if (!row) throw notFound('conversation');
  return row;
}

function stateOf(tx: RequestTx, { id, ...state }: ConversationAnswer, version: number) {
  return { aggregateId: id, version, ...onlyForCaller(tx), data: { conversationId: id, ...state } };
}
