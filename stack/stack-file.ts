import { rm } from 'node:fs/promises';
import type { ServiceName } from '#common/contracts/topology';
import { readJson, writeJsonPrivately } from './private-file.js';

export interface StackProcess {
  readonly name: string;
  readonly pid: number;
  /** null for a process that listens nowhere. */
  readonly port: number | null;
}

/** What the running stack tells other programs of the same user, in `stack.json`. */
export interface StackDescription {
  /** The gateway's URL. */
  readonly gateway: string;
  /** A user who may only listen to events. */
  readonly nats: { readonly url: string; readonly user: string; readonly password: string };
  /** URLs of the databases' owners. */
  readonly databases: Readonly<Record<ServiceName, string>>;
  /** Where mail is caught, and the page that shows it; null where a server delivers it. */
  readonly mail: { readonly page: string; readonly smtp: string } | null;
  readonly processes: readonly StackProcess[];
}

export const readStackFile = (path: string): Promise<StackDescription | undefined> => readJson(path);

export const writeStackFile = (path: string, description: StackDescription): Promise<void> =>
  writeJsonPrivately(path, description);

export const removeStackFile = (path: string): Promise<void> => rm(path, { force: true });
