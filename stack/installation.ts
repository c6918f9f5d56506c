import { randomBytes } from 'node:crypto';
import { serviceNames, type ServiceName } from '#common/contracts/topology';
import { randomPasswords, type PerRole } from './databases.js';
import { readJson, writeJsonPrivately } from './private-file.js';
import { StackError } from './stack-error.js';

/** Secrets that are made once per installation. */
export interface Installation {
  /** Master key of the stored secrets, as `<id>:<base64 of 32 bytes>`. */
  readonly secretsKey: string;
  /** Passwords of each service's database roles. */
  readonly databases: Readonly<Record<ServiceName, PerRole>>;
}

/** Reads the installation's secrets; makes them at the first call. */
export async function openInstallation(file: string): Promise<Installation> {
  const kept = await readJson<Installation>(file);
  if (!kept) {
    const made = create();
    await writeJsonPrivately(file, made);
    return made;
  }
  if (!kept.secretsKey || !kept.databases || serviceNames.some((service) => !kept.databases[service])) {
    throw new StackError(`${file} is broken: npm run reset starts over.`);
  }
  return kept;
}

const create = (): Installation => ({
  secretsKey: `k1:${randomBytes(32).toString('base64')}`,
  databases: Object.fromEntries(serviceNames.map((service) => [service, randomPasswords()])) as Record<
    ServiceName,
    PerRole
  >,
});
