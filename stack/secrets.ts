import { runCommand } from './command.js';
import { runSecrets } from './secrets-command.js';

await runCommand((terminal) => runSecrets(process.argv.slice(2), terminal));
