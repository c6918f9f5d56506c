import { Optional, Text } from '#common/http/index';

export class UpdateModule {
  @Optional()
  @Text(200)
  name?: string;
}
