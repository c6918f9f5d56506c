import { builtInModule, created } from '../world.js';
import { expendable, nothing, type Prepare } from './prepared.js';

const license: Prepare = ({ tenant }) => ({ params: { id: tenant.license.id } });

const newLicense: Prepare = async ({ world, tenant: { organizationId } }) => {
  const body = { organizationId, modules: ['crm'] };
  return { params: { id: (await created(world.as(world.platform, 'licensing').post('/v1/licenses', body))).id } };
};

const changed =
  (body?: object): Prepare =>
  async (stage) => ({ ...(await expendable(license, newLicense)(stage)), ...(body && { body }) });

const grant: Prepare = async (stage) => {
  const { params } = await expendable(license, newLicense)(stage);
  return { params: { ...params, moduleId: builtInModule } };
};

export const licensing: Record<string, Prepare> = {
  'GET /v1/modules': nothing,
  'POST /v1/modules': ({ world }) => ({ body: { code: world.unique(), name: 'Another' } }),
  'GET /v1/modules/:id': () => ({ params: { id: builtInModule } }),
  'PATCH /v1/modules/:id': ({ world }) => ({ params: { id: world.spareModuleId }, body: { name: world.unique() } }),
  'GET /v1/licenses': nothing,
  'POST /v1/licenses': ({ tenant: { organizationId } }) => ({ body: { organizationId } }),
  'GET /v1/licenses/:id': license,
  'POST /v1/licenses/:id/renew': changed({ duration: 'P30D', from: 'now' }),
  'POST /v1/licenses/:id/suspend': changed(),
  'POST /v1/licenses/:id/reinstate': changed(),
  'POST /v1/licenses/:id/revoke': changed(),
  'GET /v1/licenses/:id/modules': license,
  'PUT /v1/licenses/:id/modules/:moduleId': grant,
  'DELETE /v1/licenses/:id/modules/:moduleId': grant,
  'POST /v1/licenses/validate': ({ tenant }) => ({ body: { licenseKey: tenant.license.licenseKey } }),
  'GET /v1/me/license': nothing,
};
