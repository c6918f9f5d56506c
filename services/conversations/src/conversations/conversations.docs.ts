import { component, docsOf, id, nullable, pageOf, text, times } from '#common/openapi/index';
import type { ConversationAnswer } from './conversation.answer.js';
import { ConversationsController } from './conversations.controller.js';

const answer = component<ConversationAnswer>('Conversation', {
  id,
  title: nullable(text('Notes on the Analytical Engine')),
  subject: nullable(text('Bernoulli numbers')),
  userId: id,
  ...times,
});

export default [
  docsOf(ConversationsController, 'Conversations', {
    list: { id: 'listConversations', summary: 'List the own conversations', answer: pageOf(answer) },
    create: { id: 'createConversation', summary: 'Begin a conversation', answer },
    read: { id: 'getConversation', summary: 'Read a conversation', answer },
    change: { id: 'changeConversation', summary: 'Change title or subject of a conversation', answer },
    remove: { id: 'deleteConversation', summary: 'Delete a conversation with its messages' },
  }),
];
