import { IsId } from '#common/http/index';

export class UserLinkInput {
  @IsId()
  userId!: string;
}
