import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HttpClient } from '#common/testing/index';
import { freePort } from '#stack/ports';
import { newSecrets } from '../../stack/containers/secrets.js';

const run = promisify(execFile);

/** What `docker inspect` tells of a container, as far as it matters here. */
export interface Container {
  readonly Id: string;
  readonly Config: {
    readonly User: string;
    readonly Entrypoint: readonly string[] | null;
    readonly Cmd: readonly string[] | null;
    readonly Healthcheck?: { readonly Test?: readonly string[] };
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly CapAdd: readonly string[] | null;
    readonly CapDrop: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
    readonly Memory: number;
    readonly PidsLimit: number | null;
    readonly LogConfig: { readonly Config: Readonly<Record<string, string>> };
    readonly RestartPolicy: { readonly Name: string };
    readonly PortBindings: Readonly<Record<string, readonly { readonly HostIp: string }[]>> | null;
  };
  readonly State: { readonly Running: boolean; readonly ExitCode: number };
  readonly RestartCount: number;
}

export const serviceOf = (container: Container): string => container.Config.Labels['com.docker.compose.service']!;

/** docker-compose.yml as a project of its own, with its own secrets, ports and volumes, beside any other. */
export class Project {
  readonly gateway: HttpClient;
  readonly mail: string;

  private constructor(
    private readonly folder: string,
    private readonly name: string,
    readonly secrets: Readonly<Record<string, string>>,
    ports: { readonly gateway: number; readonly mail: number },
  ) {
    this.gateway = new HttpClient(`http://127.0.0.1:${ports.gateway}`);
    this.mail = `http://127.0.0.1:${ports.mail}`;
  }

  static async create(): Promise<Project> {
    const folder = await mkdtemp(join(tmpdir(), 'clarity-compose-'));
    const secrets = { CLARITY_ADMIN_EMAIL: 'admin@clarity.example', ...newSecrets() };
    const ports = { gateway: await freePort(), mail: await freePort() };
    const settings = { ...secrets, GATEWAY_PORT: ports.gateway, MAIL_PORT: ports.mail };
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(join(folder, 'env'), lines.join(''), { mode: 0o600 });
    return new Project(folder, `clarity-verify-${randomBytes(3).toString('hex')}`, secrets, ports);
  }

  /** A command of docker compose on this project; what it printed. */
  compose(...args: string[]): Promise<string> {
    const given = [
      'compose',
      '--env-file',
      join(this.folder, 'env'),
      '--project-name',
      this.name,
      '--progress',
      'plain',
    ];
    return this.docker(...given, ...args);
  }

  async docker(...args: string[]): Promise<string> {
    const { stdout } = await run('docker', args, { maxBuffer: 64 * 1024 * 1024, env: process.env });
    return stdout.trim();
  }

  /** The containers of one service, or of all, also those that have ended. */
  async containers(service?: string): Promise<Container[]> {
    const ids = (await this.compose('ps', '--all', '--quiet', ...(service ? [service] : [])))
      .split('\n')
      .filter(Boolean);
    return ids.length > 0 ? (JSON.parse(await this.docker('inspect', ...ids)) as Container[]) : [];
  }

  /** Runs JavaScript in a container of ours; what it printed. */
  evaluate({ Id }: Pick<Container, 'Id'>, script: string): Promise<string> {
    return this.docker('exec', Id, 'node', '--input-type=module', '--eval', script);
  }

  async remove(): Promise<void> {
    await this.compose('down', '--volumes', '--remove-orphans');
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Seconds that something took, beside what it answered. */
export async function timed<T>(work: Promise<T>): Promise<readonly [seconds: number, answer: T]> {
  const since = performance.now();
  const answer = await work;
  return [Math.round((performance.now() - since) / 100) / 10, answer];
}
