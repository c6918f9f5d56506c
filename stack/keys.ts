import { runCommand } from './command.js';
import { runKeys } from './keys-command.js';

await runCommand((terminal) => runKeys(process.argv.slice(2), terminal));
