import { register } from 'node:module';
import { routesOf } from '#common/auth/index';
import { applications } from '../../openapi/applications.js';
import { differences, readTable } from './table.js';

// The requests are made with helpers of tests, which are imported here and not called.
register('../../libs/common/src/testing/jest/globals-hook.js', import.meta.url);
const { requests } = await import('./requests/index.js');

const routes = (await applications()).flatMap(({ name: application, app }) =>
  routesOf(app).map(({ method, path }) => ({ application, route: `${method} ${path}` })),
);
const unasked = routes.filter(({ application, route }) => requests[application]?.[route] === undefined);

const reports: readonly (readonly [what: string, found: readonly string[]])[] = [
  ['test/walls/expected.md does not say who may use the routes there are', differences(readTable(), routes)],
  ['test/walls/requests does not say how to ask', unasked.map(({ application, route }) => `${application}: ${route}`)],
];
const failed = reports.filter(([, found]) => found.length > 0);
for (const [what, found] of failed) process.stderr.write(`${what}:\n  ${found.join('\n  ')}\n`);
process.exit(failed.length > 0 ? 1 : 0);
