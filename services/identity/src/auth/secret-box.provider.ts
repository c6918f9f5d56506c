import type { FactoryProvider } from '@nestjs/common';
import { MasterKeyFile, SecretBox } from '#common/crypto/index';
import { createLogger } from '#common/observability/index';
import { IdentityConfig } from '../identity.config.js';

/** Seals by the master keys of the configuration, or of the file that it names. */
export const secretBoxProvider: FactoryProvider<SecretBox> = {
  provide: SecretBox,
  inject: [IdentityConfig],
  useFactory: ({ SECRETS_KEY, SECRETS_KEY_FILE, LOG_LEVEL }: IdentityConfig) => {
    if (SECRETS_KEY !== undefined) return new SecretBox(SECRETS_KEY);
    const logger = createLogger('identity', LOG_LEVEL);
    const onBroken = (err: unknown): void =>
      logger.error({ err }, 'SECRETS_KEY_FILE cannot be read; its last content counts');
    return new SecretBox(new MasterKeyFile(SECRETS_KEY_FILE!, onBroken));
  },
};
