import { Conversation } from '../conversations/conversation.entity.js';
import { StoredFunction } from '../functions/function.entity.js';
import { ChatMessage } from '../messages/message.entity.js';

export const entities = [Conversation, ChatMessage, StoredFunction];
