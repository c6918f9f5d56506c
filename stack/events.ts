import { runCommand } from './command.js';
import { runEvents } from './events-command.js';

await runCommand((terminal) => runEvents(process.argv.slice(2), terminal));
