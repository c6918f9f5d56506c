import type { FactoryProvider } from '@nestjs/common';
import { SecretBox } from '#common/crypto/index';
import { IdentityConfig } from '../identity.config.js';

/** Seals by the master keys of the configuration. */
export const secretBoxProvider: FactoryProvider<SecretBox> = {
  provide: SecretBox,
  inject: [IdentityConfig],
  useFactory: (config: IdentityConfig) => new SecretBox(config.SECRETS_KEY),
};
