import { component, docsOf, id, instant, listOf, nullable, object, oneOf } from '#common/openapi/index';
import { KeysAdminController } from './keys-admin.controller.js';

const key = component('SigningKey', {
  id,
  status: oneOf('standby', 'current', 'retired'),
  createdAt: instant,
  activateAt: nullable(instant),
  activatedAt: nullable(instant),
  retiredAt: nullable(instant),
});

export default [
  docsOf(KeysAdminController, 'Operation', {
    list: { id: 'listSigningKeys', summary: 'List the keys of access tokens', answer: object({ data: listOf(key) }) },
    rotate: { id: 'rotateSigningKey', summary: 'Have the next key sign', answer: key },
    revoke: {
      id: 'revokeSigningKey',
      summary: 'Revoke a key, and every token that it has signed',
    },
  }),
];
