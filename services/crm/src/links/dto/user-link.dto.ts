import { IsUUID } from 'class-validator';

export class UserLinkInput {
  @IsUUID('loose')
  userId!: string;
}
