import assert from 'node:assert/strict';
import { type Container, type Project, serviceOf } from './project.js';

/** Who may be reached from outside, and who runs a program that is not ours. */
const published = new Set(['gateway', 'mail']);
const servers = new Set(['postgres', 'nats']);

/** Whether every container is as confined as docker-compose.yml says, and as the engine understood it. */
export async function checkConfinement(project: Project) {
  await assertSecretsAsked(project);
  const containers = await project.containers();
  for (const container of containers) assertConfined(container);
  const own = containers.filter((one) => !servers.has(serviceOf(one)) && one.State.Running);
  for (const container of own) await assertFromInside(project, container);
  const gateway = own.find((one) => serviceOf(one) === 'gateway')!;
  assert.equal(await project.evaluate(gateway, connectToPostgres), 'refused');
  return { containers: containers.length, memoryMegabytes: Object.fromEntries(containers.map(limitOf)) };
}

const limitOf = (container: Container) => [serviceOf(container), container.HostConfig.Memory / 2 ** 20] as const;

function assertConfined({ Config, HostConfig, ...container }: Container): void {
  const service = serviceOf({ Config, HostConfig, ...container });
  assert(HostConfig.ReadonlyRootfs, `${service} can write its file system`);
  assert.deepEqual([HostConfig.CapDrop, HostConfig.CapAdd ?? []], [['ALL'], []], `${service} has capabilities`);
  assert(HostConfig.SecurityOpt?.includes('no-new-privileges:true'), `${service} may gain privileges`);
  assert(HostConfig.Memory > 0 && HostConfig.PidsLimit, `${service} is not bounded`);
  assert(HostConfig.LogConfig.Config['max-size'], `the log of ${service} is not bounded`);
  if (service !== 'prepare') {
    assert.equal(HostConfig.RestartPolicy.Name, 'unless-stopped', `${service} would stay down`);
    assert.equal(Config.Healthcheck?.Test?.[0], 'CMD', `${service} has no health check, or one that needs a shell`);
  }
  const bindings = Object.values(HostConfig.PortBindings ?? {}).flat();
  assert.equal(bindings.length, published.has(service) ? 1 : 0, `${service} has ports`);
  for (const { HostIp } of bindings) assert.equal(HostIp, '127.0.0.1');
}

/** What a process finds when it tries. */
async function assertFromInside(project: Project, container: Container): Promise<void> {
  const script = `
    import { readFileSync, writeFileSync } from 'node:fs';
    const tried = ['/app/x', '/etc/x', '/app/dist/x'].map((path) => {
      try { writeFileSync(path, ''); return 'written'; } catch ({ code }) { return code; }
    });
    const status = readFileSync('/proc/self/status', 'utf8');
    const of = (name) => new RegExp('^' + name + ':\\\\s+(\\\\S+)', 'm').exec(status)[1];
    process.stdout.write(JSON.stringify({ tried, uid: of('Uid'), capabilities: of('CapBnd'), locked: of('NoNewPrivs') }));`;
  assert.deepEqual(
    JSON.parse(await project.evaluate(container, script)),
    { tried: ['EROFS', 'EROFS', 'EROFS'], uid: '1000', capabilities: '0000000000000000', locked: '1' },
    serviceOf(container),
  );
}

const connectToPostgres = `
  import { connect } from 'node:net';
  const end = (what) => { process.stdout.write(what); process.exit(); };
  connect(5432, 'postgres').on('connect', () => end('connected')).on('error', () => end('refused'));
  setTimeout(() => end('refused'), 2_000);`;

/** Without secrets nothing starts, and it is told where they come from. */
async function assertSecretsAsked(project: Project): Promise<void> {
  const asked = project.docker('compose', '--env-file', '/dev/null', 'config', '--quiet');
  await assert.rejects(asked, /run npm run compose:env/);
}
