import { Check, Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn } from 'typeorm';
import type { MessageRole } from '#common/contracts/conversations/index';
import { Conversation } from '../conversations/conversation.entity.js';

@Entity('chat_messages')
@Index('chat_messages_of_conversation', { synchronize: false })
@Check('chat_messages_role', `role IN ('user', 'assistant', 'system', 'tool')`)
export class ChatMessage {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'chat_messages_pkey' })
  id!: string;

  @Column('uuid', { name: 'conversation_id' })
  @ForeignKey(() => Conversation, { name: 'chat_messages_conversation_id_fkey', onDelete: 'CASCADE' })
  conversationId!: string;

  @Column('text', { name: 'message_content' })
  messageContent!: string;

  @Column('timestamptz', { name: 'created_at', nullable: true, default: () => 'now()' })
  createdAt!: Date | null;

  @Column('timestamptz', { name: 'updated_at', nullable: true, default: () => 'now()' })
  updatedAt!: Date | null;

  /** Null is the user's. */
  @Column('text', { nullable: true })
  role!: MessageRole | null;

  /** The conversation's owner; a trigger sets it, nobody else may. */
  @Column({ type: 'uuid', name: 'user_id', nullable: true, insert: false, update: false })
  userId!: string | null;

  @Column('integer', { default: 1 })
  version!: number;
}
