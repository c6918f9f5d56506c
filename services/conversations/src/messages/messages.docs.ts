import { messageRoles } from '#common/contracts/conversations/index';
import { component, docsOf, id, oneOf, pageOf, text, times } from '#common/openapi/index';
import type { MessageAnswer } from './message.answer.js';

import { MessagesController } from './messages.controller.js';

const answer = component<MessageAnswer>('Message', {
  id,
  conversationId: id,
  messageContent: text('What is the seventh Bernoulli number?'),
  role: oneOf(...messageRoles),
  ...times,
});

export default [
  docsOf(MessagesController, 'Conversations', {
    list: { id: 'listMessages', summary: 'List the messages of a conversation', answer: pageOf(answer) },
    create: { id: 'createMessage', summary: 'Add a message to a conversation', answer },
    read: { id: 'getMessage', summary: 'Read a message', answer },
    change: { id: 'changeMessage', summary: 'Change a message', answer },
    remove: { id: 'deleteMessage', summary: 'Delete a message' },
  }),
];
