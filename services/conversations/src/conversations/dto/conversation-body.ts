import { IsOptional, IsString, Length } from 'class-validator';
import { Trimmed } from '../../conventions/text.js';

/** Body of POST and PATCH; what PATCH does not name stays as it is, null removes it. */
export class ConversationBody {
  @IsOptional()
  @Trimmed()
  @IsString()
  @Length(1, 500)
  title?: string | null;

  @IsOptional()
  @Trimmed()
  @IsString()
  @Length(1, 2_000)
  subject?: string | null;
}
