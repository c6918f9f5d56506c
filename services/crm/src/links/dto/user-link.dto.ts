import { IsUUID } from 'class-validator';

export class UserLinkInput {
  @IsUUID()
  userId!: string;
}
