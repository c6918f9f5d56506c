import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { serviceNames } from '#common/contracts/index';
import { type Answer, eventually, HttpClient } from '#common/testing/index';
import { askWithSecrets } from './observability/asked-secrets.js';
import { alerts, folder, readDashboards, yaml } from './observability/files.js';
import { keptSecrets } from './observability/kept-secrets.js';
import { ObservedStack } from './observability/observed-stack.js';
import { readQuery, sampleNames } from './observability/queries.js';
import { Secrets } from './observability/secrets.js';
import { TraceCollector } from './observability/trace-collector.js';

const secrets = new Secrets();
let stack: ObservedStack;
let gateway: HttpClient;
let collector: TraceCollector;

/** OTLP's numbers for the kind of a span and for its status. */
const server = 2;
const failed = 2;

beforeAll(async () => {
  stack = await ObservedStack.start(secrets);
  ({ gateway, collector } = stack);
}, 180_000);

afterAll(async () => {
  expect(await stack?.stop()).toBe(0);
}, 60_000);

async function signUp(): Promise<HttpClient> {
  const credentials = { email: `${randomUUID()}@example.com`, password: 'correct horse battery' };
  const { status, body } = await gateway.post('/auth/v1/signup', credentials);
  expect(status).toBe(200);
  return gateway.as(body.access_token);
}

const traceparentOf = (flags: string): { traceparent: string; traceId: string; spanId: string } => {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceparent: `00-${traceId}-${spanId}-${flags}`, traceId, spanId };
};

const spansOf = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId);

/** The names of a span and of all that it is a step of, from the first one on. */
function pathTo(traceId: string, name: string): string {
  const spans = spansOf(traceId);
  const path: string[] = [];
  let span = spans.find((one) => `${one.service} ${one.name}` === name);
  for (; span; span = spans.find(({ spanId }) => spanId === span!.parentSpanId)) {
    path.unshift(`${span.service} ${span.name}`);
  }
  return path.join(' > ');
}

describe('a write at the gateway, and what follows from it in other services', () => {
  const founding = traceparentOf('01');
  let user: HttpClient;

  it('is one trace: requests, SQL, events, and what they lead to', async () => {
    user = await signUp();
    const { traceparent, traceId, spanId } = founding;
    const founded = await user.post('/v1/organizations', { name: 'Hunter Two' }, { traceparent });
    expect(founded.status).toBe(201);
    const request = 'gateway POST /v1/organizations > gateway POST identity > identity POST /v1/organizations';
    const trial = `${request} > identity publish organization.created > licensing apply IDENTITY > licensing handle organization.created`;
    const known = `${trial} > licensing publish license.issued > crm apply LICENSING > crm handle license.issued`;
    await eventually(() => expect(pathTo(traceId, 'crm handle license.issued')).toBe(known), 15_000);
    await eventually(() => expect(pathTo(traceId, 'gateway POST /v1/organizations')).not.toBe(''));
    const [first] = spansOf(traceId).filter(({ kind, service }) => kind === server && service === 'gateway');
    expect(first!.parentSpanId).toBe(spanId);
    expect(founded.headers.get('traceparent')).toBe(`00-${traceId}-${first!.spanId}-01`);
    const statements = spansOf(traceId).filter(({ attributes }) => attributes['db.system.name'] === 'postgresql');
    const serving = spansOf(traceId).find(({ kind, service }) => kind === server && service === 'identity')!;
    const written = statements.filter(({ parentSpanId }) => parentSpanId === serving.spanId);
    expect(written.map(({ attributes }) => attributes['db.query.text']).join()).toContain('INSERT INTO events.outbox');
    const services = statements.map(({ service }) => service);
    expect(services).toEqual(expect.arrayContaining(['identity', 'licensing', 'crm']));
  });

  it('goes by routes and texts of SQL, without a value', async () => {
    const { attributes } = spansOf(founding.traceId).find(({ kind }) => kind === server)!;
    expect(attributes).toMatchObject({ 'http.request.method': 'POST', 'http.route': '/v1/organizations' });
    const { traceparent, traceId } = traceparentOf('01');
    const customer = { firstName: 'Hunter', lastName: 'Two', emails: [{ email: 'hunter2@example.com' }] };
    const { status, body } = await user.post('/v1/customers', customer, { traceparent });
    expect(status).toBe(201);
    await eventually(() => expect(pathTo(traceId, 'identity handle customer.created')).toContain('crm publish'));
    expect((await user.get(`/v1/customers/${body.id}?token=hunter2`, { traceparent })).status).toBe(200);
    await eventually(() => expect(pathTo(traceId, 'crm GET /v1/customers/:id')).toContain('gateway GET crm'));
    expect(collector.bodies.filter((sent) => /hunter|hopper|example\.com|bearer|eyJ/i.test(sent))).toEqual([]);
    expect(collector.lastHeaders['x-collector-key']).toMatch(/collector$/);
  });

  it('asks an owner within the trace', async () => {
    const newcomer = await signUp();
    const { traceparent, traceId } = traceparentOf('01');
    expect((await newcomer.get('/v1/customers', { traceparent })).status).toBe(403);
    const path =
      'gateway GET /v1/customers > gateway GET crm > crm GET /v1/customers > crm ask identity.ask.access > identity answer identity.ask.access';
    await eventually(() => expect(pathTo(traceId, 'identity answer identity.ask.access')).toBe(path));
  });

  it('tells what failed by a code', async () => {
    const { traceparent, traceId } = traceparentOf('01');
    const { app, url } = await stack.anotherGateway(collector.url, 1);
    expect((await new HttpClient(url).get('/v1/conversations', { traceparent })).status).toBe(503);
    await app.close();
    const failures = () =>
      spansOf(traceId).map(({ name, status, attributes }) => [name, status, attributes['error.type']]);
    await eventually(() =>
      expect(failures()).toEqual([
        ['GET conversations', failed, 'ECONNREFUSED'],
        ['GET conversations', failed, 'ECONNREFUSED'],
        ['GET /v1/conversations', failed, '503'],
      ]),
    );
  });
});

describe('the traceparent of a client', () => {
  it('that asks for no record is continued, and nothing is recorded', async () => {
    const { traceparent, traceId } = traceparentOf('00');
    const { headers } = await gateway.get('/v1/modules', { traceparent });
    expect(headers.get('traceparent')).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    const later = traceparentOf('01');
    await gateway.get('/v1/modules', { traceparent: later.traceparent });
    await eventually(() => expect(spansOf(later.traceId).length).toBeGreaterThan(2));
    expect(spansOf(traceId)).toEqual([]);
  });

  it.each([
    ['nonsense', 'hunter2'],
    ['zeros', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['capitals', '00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01'],
    ['of the forbidden version', 'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
    ['too long', `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-${'a'.repeat(4_000)}`],
  ])('that is %s is replaced', async (_, traceparent) => {
    const { headers, body } = await gateway.get('/v1/licenses', { traceparent });
    const [, traceId] = /^00-([0-9a-f]{32})-[0-9a-f]{16}-01$/.exec(headers.get('traceparent')!) ?? [];
    expect(traceId).toBe(body.traceId);
    expect(traceparent.toLowerCase()).not.toContain(traceId);
    const first = () => spansOf(traceId!).filter(({ parentSpanId }) => !parentSpanId);
    await eventually(() => expect(first().map(({ name }) => name)).toEqual(['GET /v1/licenses']));
  });

  it('is not recorded where somebody only asks whether all is well', async () => {
    const { traceparent, traceId } = traceparentOf('01');
    expect((await gateway.get('/health/live', { traceparent })).status).toBe(200);
    const later = traceparentOf('01');
    await gateway.get('/', { traceparent: later.traceparent });
    await eventually(() => expect(collector.tree(later.traceId)).toEqual(['gateway: GET gateway']));
    expect(spansOf(traceId)).toEqual([]);
  });
});

describe('a collector that never answers', () => {
  it('holds up neither requests nor the end of the process', async () => {
    const hanging = await TraceCollector.start();
    hanging.answers = false;
    // Read by OpenTelemetry's exporter, which else tries again for longer than this file runs.
    process.env['OTEL_EXPORTER_OTLP_TIMEOUT'] = '1000';
    const { app, url } = await stack.anotherGateway(hanging.url);
    const client = new HttpClient(url);
    for (let wave = 0; wave < 40; wave += 1) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => client.get('/')));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    }
    const since = performance.now();
    await app.close();
    expect(performance.now() - since).toBeLessThan(4_000);
    await hanging.stop();
    delete process.env['OTEL_EXPORTER_OTLP_TIMEOUT'];
  }, 60_000);
});

describe('a secret, wherever it goes in', () => {
  let answers: Answer[];
  const datum = 'Datum7294';

  beforeAll(async () => {
    const kept = keptSecrets(stack.folder);
    expect(kept.length).toBeGreaterThan(16);
    for (const [index, secret] of kept.entries()) secrets.add(`kept ${index}`, secret);
    const signIn = { email: 'admin@clarity.example', password: stack.adminPassword };
    const { body } = await gateway.post('/auth/v1/token?grant_type=password', signIn);
    answers = await askWithSecrets({ gateway, admin: gateway.as(body.access_token), secrets });
    await gateway.get('/v1/licenses/control-of-logs');
    answers.push(await refusedByDatabase());
    await eventually(() => expect(stack.heard.some((event) => event.includes('license.issued'))).toBe(true), 15_000);
    await eventually(() => expect(stack.logs().includes('mail could not be sent')).toBe(true), 15_000);
  }, 60_000);

  /** PostgreSQL refuses a row and quotes all of it. */
  async function refusedByDatabase(): Promise<Answer> {
    const owner = new pg.Client({ connectionString: stack.file.databases['crm'] });
    await owner.connect();
    await owner.query(`ALTER TABLE customers ADD CONSTRAINT refuses CHECK (last_name <> '${datum}')`);
    const user = await signUp();
    expect((await user.post('/v1/organizations', { name: 'Acme' })).status).toBe(201);
    const answer = await user.post('/v1/customers', { firstName: 'Ada', lastName: datum });
    await owner.query('ALTER TABLE customers DROP CONSTRAINT refuses');
    await owner.end();
    return answer;
  }

  it('is in no answer', () => {
    expect(answers.at(-1)).toMatchObject({ status: 500, body: { code: 'internal_error' } });
    expect(answers.filter(({ status }) => status >= 400).length).toBeGreaterThan(20);
    expect(secrets.toldBy(answers.map(({ body }) => JSON.stringify(body)).join('\n'))).toEqual([]);
  });

  it('is in no log, whatever its level', () => {
    const text = stack.logs();
    expect(text.includes('control-of-logs')).toBe(true);
    expect(text.includes('"constraint":"refuses"')).toBe(true);
    expect(secrets.toldBy(text)).toEqual([]);
    expect(text.split('\n').filter((line) => line.includes(datum))).toEqual([]);
  });

  it('is in no event', () => {
    expect(stack.heard.some((event) => event.includes('Acme'))).toBe(true);
    expect(secrets.toldBy(stack.heard.join('\n'))).toEqual([]);
  });

  it('is in no metric', async () => {
    const text = await stack.metrics();
    expect(text.includes('route="/auth/v1/callback"')).toBe(true);
    expect(secrets.toldBy(text)).toEqual([]);
  });

  it('is in no trace', async () => {
    await eventually(() => expect(collector.bodies.some((body) => body.includes('/auth/v1/callback'))).toBe(true));
    expect(secrets.toldBy(collector.bodies.join('\n'))).toEqual([]);
    expect(collector.bodies.some((body) => body.includes(datum))).toBe(false);
  });
});

describe('dashboards and alerts', () => {
  const queries = [
    ...alerts().map(({ alert, expr }) => [alert, expr] as const),
    ...readDashboards().flatMap(({ panels }) =>
      panels.flatMap(({ title, targets }) => targets.flatMap(({ expr }) => (expr ? [[title, expr] as const] : []))),
    ),
  ];

  it('ask for what the processes tell', async () => {
    const known = new Set(['up', ...sampleNames(await stack.metrics())]);
    expect(queries.length).toBeGreaterThan(50);
    for (const [title, expr] of queries) {
      const { isValid, metrics: asked } = readQuery(expr);
      expect({ title, isValid, unknown: asked.filter((name) => !known.has(name)) }).toEqual({
        title,
        isValid: true,
        unknown: [],
      });
      expect(asked).not.toEqual([]);
    }
    expect(readQuery('sum(rate(nobody[5m]) by').isValid).toBe(false);
  });

  it('refer to data sources and guides that are there', () => {
    const { datasources } = yaml('grafana/provisioning/datasources/datasources.yml');
    const uids = new Set(datasources.map(({ uid }: { uid: string }) => uid));
    const dashboards = readDashboards();
    expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(3);
    for (const { panels } of dashboards)
      for (const { title, datasource, targets } of panels)
        for (const { uid } of [datasource, ...targets.map((target) => target.datasource)])
          expect([title, uids.has(uid!)]).toEqual([title, true]);
    const headings = readFileSync('docs/guides/operating.md', 'utf8').match(/^#+ .*$/gm)!;
    const anchors = new Set(headings.map((line) => line.replace(/^#+ /, '').toLowerCase().replaceAll(' ', '-')));
    for (const { alert, labels, annotations } of alerts()) {
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(annotations.guide).toBe(`docs/guides/operating.md#${alert.toLowerCase()}`);
      expect([alert, anchors.has(alert.toLowerCase())]).toEqual([alert, true]);
    }
  });

  it('are brought up by services with pinned images, bounds, and files that exist', () => {
    const { services } = yaml('compose.yml');
    expect(Object.keys(services)).toEqual(['collector', 'jaeger', 'prometheus', 'grafana']);
    for (const { profiles, image, read_only, mem_limit, volumes } of Object.values(services) as Record<string, any>[]) {
      expect([profiles, read_only]).toEqual([['observability'], true]);
      expect(image).toMatch(/^[a-z/-]+:v?\d+\.\d+\.\d+$/);
      expect(mem_limit).toMatch(/^\d+m$/);
      for (const mounted of volumes.filter((volume: string) => volume.startsWith('.')))
        expect([mounted, existsSync(join(folder, mounted.split(':')[0]))]).toEqual([mounted, true]);
    }
    const scraped = yaml('prometheus/prometheus.yml').scrape_configs.flatMap(({ dns_sd_configs = [] }) =>
      dns_sd_configs.flatMap(({ names }: { names: string[] }) => names),
    );
    expect(scraped).toEqual([...serviceNames, 'gateway']);
    for (const name of ['collector.yml', 'jaeger.yml']) {
      const { service, ...parts } = yaml(name);
      const { receivers, processors, exporters } = service.pipelines.traces;
      for (const [kind, names] of Object.entries({ receivers, processors, exporters }))
        expect(Object.keys(parts[kind])).toEqual(expect.arrayContaining(names));
    }
  });
});
