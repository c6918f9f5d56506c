import type { ServiceDefinition } from '#common/bootstrap/index';
import { loadConfig, ServiceConfig } from '#common/config/index';
import { ConversationsModule } from './conversations/conversations.module.js';
import { entities } from './database/entities.js';
import { requestErasure } from './erasures/erasure.js';
import { ErasuresModule } from './erasures/erasures.module.js';
import { FunctionsModule } from './functions/functions.module.js';
import { MessagesModule } from './messages/messages.module.js';

/** The service that keeps users' conversations, messages and functions. */
export const defineConversations = (environment: NodeJS.ProcessEnv): ServiceDefinition<ServiceConfig> => ({
  name: 'conversations',
  config: loadConfig(ServiceConfig, environment),
  configType: ServiceConfig,
  entities,
  constraints: {},
  longDeletions: { user: requestErasure },
  imports: [ConversationsModule, MessagesModule, FunctionsModule, ErasuresModule],
});
