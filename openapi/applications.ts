import 'reflect-metadata';
import type { INestApplicationContext } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { requirePolicies } from '#common/auth/index';
import { createService, type ServiceDefinition } from '#common/bootstrap/index';
import { loadConfig, type ServiceConfig } from '#common/config/index';
import type { ServiceName } from '#common/contracts/index';
import { defineConversations } from '../services/conversations/src/conversations.definition.js';
import { defineCrm } from '../services/crm/src/crm.definition.js';
import { GatewayConfig } from '../services/gateway/src/gateway.config.js';
import { createGateway } from '../services/gateway/src/start-gateway.js';
import { defineIdentity } from '../services/identity/src/identity.definition.js';
import { defineLicensing } from '../services/licensing/src/licensing.definition.js';

/** Nothing is reached by these: the applications are put together and not started. */
const nowhere = 'http://localhost:1';
const environment = {
  LOG_LEVEL: 'silent',
  DATABASE_URL: 'postgres://localhost/none',
  SYSTEM_DATABASE_URL: 'postgres://localhost/none',
  NATS_URL: 'nats://localhost:1',
  NATS_USER: 'none',
  NATS_PASSWORD: 'none',
  PUBLIC_URL: nowhere,
  IDENTITY_URL: nowhere,
  LICENSING_URL: nowhere,
  CRM_URL: nowhere,
  CONVERSATIONS_URL: nowhere,
  SECRETS_KEY: `check:${randomBytes(32).toString('base64')}`,
};

export interface Application {
  readonly name: ServiceName | 'gateway';
  readonly app: INestApplicationContext;
}

/** The services and the gateway, put together so that their routes can be read, and not started. */
export async function applications(): Promise<Application[]> {
  const definitions = [defineIdentity, defineLicensing, defineCrm, defineConversations].map(
    (define) => define(environment) as unknown as ServiceDefinition<ServiceConfig>,
  );
  const services = await Promise.all(
    definitions.map(async (definition) => {
      const { app } = await createService(definition);
      requirePolicies(app);
      return { name: definition.name, app };
    }),
  );
  const { app } = await createGateway(loadConfig(GatewayConfig, environment));
  return [...services, { name: 'gateway', app }];
}
