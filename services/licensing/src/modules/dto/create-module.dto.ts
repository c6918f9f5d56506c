import { Matches } from 'class-validator';
import { Text } from '#common/http/index';

export class CreateModule {
  /** What licenses and guards name it by; fixed for life. */
  @Matches(/^[a-z][a-z0-9_]{0,62}$/, {
    message: 'code must be 1 to 63 characters of a-z, 0-9 and _, beginning with a letter',
  })
  code!: string;

  @Text(200)
  name!: string;
}
