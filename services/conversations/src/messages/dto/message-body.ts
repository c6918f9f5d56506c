import { IsByteLength, IsIn, IsOptional, IsString } from 'class-validator';
import { type MessageRole, messageRoles } from '#common/contracts/conversations/index';
import { MayBeAbsent } from '../../conventions/text.js';

/** Bytes of a message's text in UTF-8 at most. */
const contentLimit = 100_000;

export class CreateMessage {
  @IsString()
  @IsByteLength(1, contentLimit)
  messageContent!: string;

  /** Who speaks; the user when left out. */
  @IsOptional()
  @IsIn(messageRoles)
  role?: MessageRole | null;
}

export class ChangeMessage {
  @MayBeAbsent()
  @IsString()
  @IsByteLength(1, contentLimit)
  messageContent?: string;

  /** Null is the user. */
  @IsOptional()
  @IsIn(messageRoles)
  role?: MessageRole | null;
}
