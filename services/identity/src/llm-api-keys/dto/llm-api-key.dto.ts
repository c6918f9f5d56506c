import { IsIn, Length, Matches, MaxLength } from 'class-validator';
import { ChangesQuery, Nullable, Optional, SortedBy, Trimmed } from '#common/http/index';
import { type VerificationStatus, verificationStatuses } from '../check-outcome.js';
import { providerNames } from '../llm-providers.js';

const Provider = (): PropertyDecorator =>
  IsIn(providerNames as string[], { message: `provider must be one of ${providerNames.join(', ')}` });

/** Messages never repeat the key. */
const ApiKey = (): PropertyDecorator => (target, property) => {
  Trimmed()(target, property);
  Matches(/^[\x21-\x7e]+$/, { message: 'apiKey must be printable ASCII without spaces' })(target, property);
  Length(8, 1_024, { message: 'apiKey must have 8 to 1024 characters' })(target, property);
};

/** The rest of what a base URL must be is told where it is known which networks may be reached. */
const BaseUrl = (): PropertyDecorator => (target, property) => {
  Trimmed()(target, property);
  Matches(/^https?:\/\/[\x21-\x7e]+$/i, { message: 'baseUrl must be a URL that begins with https://' })(
    target,
    property,
  );
  MaxLength(1_024, { message: 'baseUrl must have 1024 characters at most' })(target, property);
};

export class AddLlmApiKey {
  @Provider()
  provider!: string;

  /** Of an `openai_compatible` provider, and only of such a one. */
  @Nullable()
  @BaseUrl()
  baseUrl?: string | null;

  @ApiKey()
  apiKey!: string;
}

export class ChangeLlmApiKey {
  /** Takes the new provider's key with it. */
  @Optional()
  @Provider()
  provider?: string;

  /** Takes the key for that place with it. */
  @Nullable()
  @BaseUrl()
  baseUrl?: string | null;

  @Optional()
  @ApiKey()
  apiKey?: string;
}

export class LlmApiKeysQuery extends ChangesQuery {
  @SortedBy('updatedAt', 'provider')
  override sort = '-createdAt';

  @Optional()
  @Provider()
  provider?: string;

  @Optional()
  @IsIn(verificationStatuses)
  verificationStatus?: VerificationStatus;
}
