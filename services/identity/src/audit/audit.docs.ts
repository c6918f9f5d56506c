import { serviceNames } from '#common/contracts/index';
import {
  anyObject,
  boolean,
  component,
  docsOf,
  email,
  id,
  instant,
  nullable,
  object,
  oneOf,
  pageOf,
  text,
} from '#common/openapi/index';
import { AuditController } from './audit.controller.js';

const entry = component('AuditEntry', {
  id,
  at: instant,
  source: oneOf(...serviceNames),
  type: text('profile.updated'),
  targetId: nullable(id),
  actorId: nullable(id),
  actorEmail: nullable(email),
  byOperator: boolean(false),
  traceId: nullable(text('4bf92f3577b34da6a3ce929d0e0e4736')),
  detail: nullable(anyObject({ role: 'admin' })),
  client: nullable(object({ address: nullable(text('203.0.113.7')), userAgent: nullable(text('Mozilla/5.0')) })),
});

export default [
  docsOf(AuditController, 'Organizations', {
    list: { id: 'listAuditLog', summary: 'List what was done in an organization', answer: pageOf(entry) },
  }),
];
