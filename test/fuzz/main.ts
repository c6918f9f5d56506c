import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { LocalStack } from '../local-stack.js';
import { fuzz } from './run.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    requests: { type: 'string', default: '100000' },
    workers: { type: 'string', default: '16' },
    help: { type: 'boolean', default: false },
  },
});

const help = `npm run fuzz -- [--seed=1] [--requests=100000] [--workers=16]

Brings up the local stack on free ports, five processes with databases and NATS, and sends requests, valid and broken ones, to
every documented route as every role. It fails for an answer that docs/openapi.json does not have, for any 5xx, for one that is
not there after 10 s, and when the processes hold more than 1.2 times the memory that they held after the first tenth.
What was wrong is printed as a curl command; the same seed makes the same choices.`;

if (values.help) {
  console.log(help);
  process.exit(0);
}
const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed);
const requests = Number(values.requests);
const workers = Number(values.workers);
if (![seed, requests, workers].every(Number.isSafeInteger) || requests < 10 || workers < 1)
  throw new Error('--seed, --requests and --workers are whole numbers (--help shows how)');

const growthLimit = 1.2;
const administrator = { email: 'root@operator.example', password: 'correct horse battery' };
const unlimited = Object.fromEntries(
  ['SIGN_IN', 'SIGN_UP', 'REFRESH', 'VERIFY', 'MAIL', 'FACTOR'].map((name) => [`RATE_LIMIT_${name}`, '0/0']),
);

const stack = await LocalStack.start({
  PLATFORM_ADMIN_EMAIL: administrator.email,
  PLATFORM_ADMIN_PASSWORD: administrator.password,
  MAIL_MIN_INTERVAL: '0',
  REQUEST_LIMIT_PER_ADDRESS: '0',
  REQUEST_LIMIT_PER_CALLER: '0',
  LOG_LEVEL: 'error',
  ...unlimited,
});
const { gateway: url, processes } = await stack.file();
const servers = processes.filter(({ name }) => /^(gateway|identity|licensing|crm|conversations)$/.test(name));

/** Resident MiB of each server. */
const memory = (): Record<string, number> =>
  Object.fromEntries(
    servers.map(({ name, pid }) => {
      const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
      return [name, Math.round(Number(kilobytes) / 1_024)];
    }),
  );
const total = (by: Readonly<Record<string, number>>): number => Object.values(by).reduce((sum, one) => sum + one, 0);

const begun = performance.now();
const seconds = (): string => ((performance.now() - begun) / 1_000).toFixed(0);
let atTenth = memory();
const outcome = await fuzz({
  url,
  administrator,
  seed,
  requests,
  workers,
  progress: (sent) => {
    if (sent === Math.floor(requests / 10)) atTenth = memory();
    if (sent % Math.ceil(requests / 20) === 0)
      console.log(`${seconds().padStart(5)} s  ${sent} requests, ${total(memory())} MiB`);
  },
});
const atEnd = memory();
const took = seconds();
await stack.stop();

const growth = total(atEnd) / total(atTenth);
const { sent, statuses, succeeded, operations, slowestMs, findings } = outcome;
for (const { fault, changes, curl } of findings) {
  console.log(`\n${fault}\n  changed: ${changes.join(', ') || 'nothing'}\n  ${curl.slice(0, 4_000)}`);
}
console.log(`
npm run fuzz -- --seed=${seed} --requests=${requests} --workers=${workers}
${sent} requests in ${took} s, the slowest answered in ${slowestMs} ms
answers: ${Object.entries(statuses)
  .map(([status, count]) => `${status}: ${count}`)
  .join(', ')}
operations that succeeded at least once: ${succeeded} of ${operations}
resident after the first tenth: ${total(atTenth)} MiB (${JSON.stringify(atTenth)})
resident at the end: ${total(atEnd)} MiB (${JSON.stringify(atEnd)}), ${growth.toFixed(2)} times that
findings: ${findings.length}`);
process.exit(findings.length === 0 && growth <= growthLimit ? 0 : 1);
