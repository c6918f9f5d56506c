import { IsNotEmpty, IsString, MaxLength } from 'class-validator';

export class AcceptInvitation {
  @IsString()
  @IsNotEmpty()
  @MaxLength(200)
  token!: string;
}
