import { Optional, Text } from '#common/http/index';

export class CreateOrganization {
  @Text(200)
  name!: string;
}

export class ChangeOrganization {
  @Optional()
  @Text(200)
  name?: string;
}
