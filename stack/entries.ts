import { fileURLToPath } from 'node:url';
import { serviceNames } from '#common/contracts/topology';
import type { Server } from './environment.js';

/** Compiled entry points of the processes that the stack starts. */
export interface Entries {
  readonly servers: Readonly<Record<Server, string>>;
  readonly provisioner: string;
  readonly migrations: string;
  /** Catches mail. */
  readonly mail: string;
}

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

export const builtEntries: Entries = {
  servers: Object.fromEntries(
    [...serviceNames, 'gateway'].map((name) => [name, pathOf(`../services/${name}/src/main.js`)]),
  ) as Record<Server, string>,
  provisioner: pathOf('./provisioner.js'),
  migrations: pathOf('./migrate.js'),
  mail: pathOf('./mail.js'),
};
