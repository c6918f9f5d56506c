import { Length, Matches } from 'class-validator';
import { Optional, Trimmed } from '#common/http/index';

const Provider = (): PropertyDecorator =>
  Matches(/^[a-z0-9][a-z0-9._-]{0,63}$/, {
    message: 'provider must be a name in lower case, such as openai: letters, digits, dots and dashes, 64 at most',
  });

/** Messages never repeat the key. */
const ApiKey = (): PropertyDecorator => (target, property) => {
  Trimmed()(target, property);
  Matches(/^[\x21-\x7e]+$/, { message: 'apiKey must be printable ASCII without spaces' })(target, property);
  Length(8, 1_024, { message: 'apiKey must have 8 to 1024 characters' })(target, property);
};

export class AddLlmApiKey {
  @Provider()
  provider!: string;

  @ApiKey()
  apiKey!: string;
}

export class ChangeLlmApiKey {
  /** Takes the new provider's key with it. */
  @Optional()
  @Provider()
  provider?: string;

  @Optional()
  @ApiKey()
  apiKey?: string;
}
