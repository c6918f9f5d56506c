import { IsISO8601, IsString, IsUUID } from 'class-validator';
import { EventContract, OrNull } from '../contract.js';

const conversationId = '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a11';
const userId = '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a02';
const conversation = {
  conversationId,
  userId,
  title: 'Quarterly figures',
  subject: 'Which customers grew?',
  createdAt: '2026-11-22T09:30:00.000Z',
  updatedAt: '2026-11-22T09:30:00.000Z',
};

/** What the events of a living conversation carry. */
export abstract class ConversationState {
  @IsUUID('loose') conversationId!: string;
  /** Whose conversation it is; nobody else may see it. */
  @IsUUID('loose') userId!: string;
  @OrNull() @IsString() title!: string | null;
  @OrNull() @IsString() subject!: string | null;
  @OrNull() @IsISO8601() createdAt!: string | null;
  @OrNull() @IsISO8601() updatedAt!: string | null;
}

@EventContract({
  type: 'conversation.created',
  source: 'conversations',
  version: 1,
  description: 'A user began a conversation.',
  example: conversation,
})
export class ConversationCreated extends ConversationState {}

@EventContract({
  type: 'conversation.updated',
  source: 'conversations',
  version: 1,
  description: 'A conversation has another title or subject. New messages are told by message.created alone.',
  example: conversation,
})
export class ConversationUpdated extends ConversationState {}

@EventContract({
  type: 'conversation.deleted',
  source: 'conversations',
  version: 1,
  description: 'A conversation is gone, with all its messages.',
  example: { conversationId, userId },
})
export class ConversationDeleted {
  @IsUUID('loose') conversationId!: string;
  @IsUUID('loose') userId!: string;
}
