import { IsIn, IsISO8601, IsUUID } from 'class-validator';
import { EventContract } from '../contract.js';

/** Who speaks in a message. */
export const messageRoles = ['user', 'assistant', 'system', 'tool'] as const;
export type MessageRole = (typeof messageRoles)[number];

@EventContract({
  type: 'message.created',
  source: 'conversations',
  version: 1,
  description: 'A conversation has one more message; its text is never told. The aggregate is the message.',
  example: {
    messageId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a12',
    conversationId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a11',
    userId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a02',
    role: 'user',
    createdAt: '2026-11-22T09:30:00.000Z',
  },
})
export class MessageCreated {
  @IsUUID('loose') messageId!: string;
  @IsUUID('loose') conversationId!: string;
  /** Whose conversation it is; nobody else may see it. */
  @IsUUID('loose') userId!: string;
  @IsIn(messageRoles) role!: MessageRole;
  @IsISO8601() createdAt!: string;
}
