import { existsSync } from 'node:fs';
import { readSettings, type StackSettings } from './settings.js';
import { messageOf, StackError } from './stack-error.js';

/** Settings for a command of the stack: the environment, completed from `.env` in the working folder. */
export function launchSettings(): StackSettings {
  completeEnvironment();
  return readSettings(process.env);
}

/** Those by which databases are found: what else a deployment has set is none of a command's business. */
export function databaseSettings(): StackSettings {
  completeEnvironment();
  const given = Object.entries(process.env).filter(([name]) => /^(STACK_DATA_DIR|DATABASE_URL_[A-Z]+)$/.test(name));
  return readSettings(Object.fromEntries(given));
}

function completeEnvironment(): void {
  if (existsSync('.env')) {
    try {
      process.loadEnvFile('.env');
    } catch (error) {
      throw new StackError(`.env cannot be read: ${messageOf(error)}`);
    }
  }
  // The PostgreSQL client would take these as defaults for every connection.
  for (const name of Object.keys(process.env)) if (name.startsWith('PG')) delete process.env[name];
}
