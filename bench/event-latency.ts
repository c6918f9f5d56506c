import pg from 'pg';
import { defaultAdminPassword } from '#stack/settings';
import { LocalStack } from '../test/local-stack.js';
import { percentile, report } from './report.js';

/**
 * Milliseconds from the commit of a change in identity to the commit of its effect in crm, with the whole local stack
 * running and a steady load through the gateway. Both times are PostgreSQL's own (track_commit_timestamp).
 */
const rate = 50;
const seconds = process.argv.includes('--quick') ? 5 : 30;

const committed = (table: string, id: string) =>
  `SELECT ${id} AS id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 AS at FROM ${table}`;

async function commitTimes(url: string, table: string, id: string): Promise<Map<string, number>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string; at: string }>(committed(table, id));
    return new Map(rows.map((row) => [row.id, Number(row.at)]));
  } finally {
    await client.end();
  }
}

const stack = await LocalStack.start();
try {
  const { databases } = await stack.file();
  const gateway = await stack.http();
  const credentials = { email: 'admin@clarity.example', password: defaultAdminPassword };
  const { body: session } = await gateway.post('/auth/v1/token?grant_type=password', credentials);
  const admin = gateway.as(session.access_token);
  const { body: organization } = await admin.post('/v1/organizations', { name: 'Latency' });
  const invited: string[] = [];
  const answers: Promise<void>[] = [];
  const begun = performance.now();
  for (let n = 0; n < rate * seconds; n += 1) {
    const wait = begun + (n * 1_000) / rate - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const body = { email: `latency-${n}@${organization.id}.example.com`, role: 'member' };
    answers.push(
      admin.post(`/v1/organizations/${organization.id}/profiles`, body).then(({ status, body: profile }) => {
        if (status !== 201) throw new Error(`an invitation was answered ${status}: ${JSON.stringify(profile)}`);
        invited.push(profile.id);
      }),
    );
  }
  await Promise.all(answers);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const caused = await commitTimes(databases['identity']!, 'user_profile', 'id');
  const applied = await commitTimes(databases['crm']!, 'ref_profile', 'profile_id');
  const latencies = invited
    .map((id) => applied.get(id)! - caused.get(id)!)
    .filter((latency) => Number.isFinite(latency));
  const round = (value: number) => Math.round(value * 100) / 100;
  report('event-latency', {
    unit: 'milliseconds from the commit in identity to the commit in crm',
    eventsPerSecond: rate,
    events: invited.length,
    missing: invited.length - latencies.length,
    p50: round(percentile(latencies, 0.5)),
    p90: round(percentile(latencies, 0.9)),
    p99: round(percentile(latencies, 0.99)),
    max: round(Math.max(...latencies)),
  });
} finally {
  await stack.stop();
}
