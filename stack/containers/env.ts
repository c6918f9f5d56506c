import { runCommand } from '../command.js';
import { runComposeEnv } from './env-command.js';

await runCommand((terminal) => runComposeEnv(process.argv.slice(2), terminal));
