import { routesOf } from '#common/auth/index';
import { applications } from '../../openapi/applications.js';
import { differences, readTable } from './table.js';

const routes = (await applications()).flatMap(({ name: application, app }) =>
  routesOf(app).map(({ method, path }) => ({ application, route: `${method} ${path}` })),
);
const found = differences(readTable(), routes);
if (found.length > 0) {
  process.stderr.write(
    `test/walls/expected.md does not say who may use the routes there are:\n  ${found.join('\n  ')}\n`,
  );
}
process.exit(found.length > 0 ? 1 : 0);
