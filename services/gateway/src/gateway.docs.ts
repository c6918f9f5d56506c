import { serviceNames, type ServiceName } from '#common/contracts/index';
import { FeedQuery } from '#common/feed/index';
import {
  anyObject,
  component,
  constant,
  docsOf,
  listOf,
  object,
  oneOf,
  type Schema,
  text,
} from '#common/openapi/index';
import { FeedController } from './feed/feed.controller.js';
import { HealthController } from './health/health.controller.js';
import type { GatewayReadiness, ServiceReadiness } from './health/readiness.js';
import { DocumentsController } from './documents/documents.controller.js';
import { WelcomeController } from './welcome.controller.js';

const reasons = listOf(text('crm is degraded'));
const service = component<ServiceReadiness>('ServiceReadiness', {
  status: oneOf('ok', 'degraded', 'unavailable'),
  reasons,
});
const services = Object.fromEntries(serviceNames.map((name) => [name, service])) as Record<ServiceName, Schema>;
const readiness = component<GatewayReadiness>('Readiness', {
  status: oneOf('ok', 'degraded', 'unavailable'),
  service: constant('gateway'),
  reasons,
  services: object(services),
});

const stream = `retry: 2000

id: i12.l5.c9.v3
event: customer.created
data: {"specversion":"1.0","type":"customer.created","source":"/clarity/crm"}

`;

/** A document that is sent only to who does not have it. */
const documentDoc = (example: object) => {
  const etag = text('"BsxwbaAZQmGZLCGyMzqWkA"');
  const headers = { etag, 'cache-control': text('no-cache'), vary: text('origin, accept-encoding') };
  return {
    answers: {
      200: { description: 'The document.', schema: anyObject(example), headers },
      304: { description: 'It is the one that `If-None-Match` names.', headers },
    },
    headers: { 'if-none-match': etag },
  };
};

export default [
  docsOf(WelcomeController, 'Gateway', {
    welcome: {
      id: 'welcome',
      summary: 'Read where to go from here',
      answer: component('Welcome', {
        name: text('Clarity'),
        docs: text('/docs'),
        health: text('/health/ready'),
        paths: listOf(text('/v1/customers')),
      }),
    },
  }),
  docsOf(DocumentsController, 'Gateway', {
    openApi: { id: 'getOpenApi', summary: 'Read this document', ...documentDoc({ openapi: '3.1.0' }) },
    asyncApi: {
      id: 'getAsyncApi',
      summary: 'Read the AsyncAPI document of all events',
      ...documentDoc({ asyncapi: '3.1.0' }),
    },
  }),
  docsOf(HealthController, 'Gateway', {
    live: { id: 'getLiveness', summary: 'Ask whether the gateway lives', answer: object({ status: constant('ok') }) },
    ready: {
      id: 'getReadiness',
      summary: 'Ask whether every service can do its work',
      answers: {
        200: { description: 'All of them can, perhaps with something amiss.', schema: readiness },
        503: { description: 'One of them cannot, or has not been ready yet.', schema: readiness },
      },
    },
  }),
  docsOf(FeedController, 'Events', {
    listen: {
      id: 'listenToEvents',
      summary: 'Hear events as they happen',
      description:
        'Server-sent events: CloudEvents 1.0 as JSON, those that the caller may see, of all services. A listener that comes ' +
        'back with the last `id` misses nothing; a last event `error` says why a stream ends.',
      query: FeedQuery,
      headers: { 'last-event-id': { ...text('i12.l5.c9.v3'), description: 'Where a listener was; outdoes `after`.' } },
      answers: {
        200: {
          description: 'The stream.',
          contentType: 'text/event-stream',
          schema: { type: 'string' },
          example: stream,
        },
      },
      errors: ['forbidden', 'bad_position', 'position_expired', 'too_many_listeners'],
    },
  }),
];
