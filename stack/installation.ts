import { existsSync } from 'node:fs';
import { serviceNames, type ServiceName } from '#common/contracts/topology';
import { randomPasswords, type PerRole } from './databases.js';
import { newMasterKey } from './master-key-source.js';
import { readJson, writeJsonPrivately, writePrivately } from './private-file.js';
import { StackError } from './stack-error.js';

/** Secrets that are made once per installation. */
export interface Installation {
  /** Passwords of each service's database roles. */
  readonly databases: Readonly<Record<ServiceName, PerRole>>;
}

/** As installations were written before the master keys could be rotated. */
interface Kept extends Partial<Installation> {
  readonly secretsKey?: string;
}

/** Reads the installation's secrets, and sees that there is a file of master keys; makes them at the first call. */
export async function openInstallation(file: string, masterKeyFile: string): Promise<Installation> {
  const kept = await readJson<Kept>(file);
  const masterKey = kept ? kept.secretsKey : newMasterKey('k1');
  const databases = kept ? kept.databases : randomDatabases();
  const hasKeys = existsSync(masterKeyFile);
  if (!databases || serviceNames.some((service) => !databases[service]) || (!hasKeys && !masterKey)) {
    throw new StackError(`${file} is broken: npm run reset starts over.`);
  }
  if (!hasKeys) await writePrivately(masterKeyFile, `${masterKey}\n`);
  const installation = { databases };
  if (!kept || kept.secretsKey !== undefined) await writeJsonPrivately(file, installation);
  return installation;
}

const randomDatabases = () =>
  Object.fromEntries(serviceNames.map((service) => [service, randomPasswords()])) as Record<ServiceName, PerRole>;
