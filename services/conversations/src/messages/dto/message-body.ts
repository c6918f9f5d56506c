import { IsByteLength, IsIn, IsString } from 'class-validator';
import { type MessageRole, messageRoles } from '#common/contracts/conversations/index';
import { Nullable, Optional } from '#common/http/index';

/** Bytes of a message's text in UTF-8 at most. */
const contentLimit = 100_000;

export class CreateMessage {
  @IsString()
  @IsByteLength(1, contentLimit)
  messageContent!: string;

  /** Who speaks; the user when left out. */
  @Nullable()
  @IsIn(messageRoles)
  role?: MessageRole | null;
}

export class ChangeMessage {
  @Optional()
  @IsString()
  @IsByteLength(1, contentLimit)
  messageContent?: string;

  /** Null is the user. */
  @Nullable()
  @IsIn(messageRoles)
  role?: MessageRole | null;
}
