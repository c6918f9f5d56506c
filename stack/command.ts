import { StackError } from './stack-error.js';
import { Terminal } from './terminal.js';

/** Runs a command of the stack; what a person can mend is told in one sentence, anything else with its stack. */
export async function runCommand(command: (terminal: Terminal) => Promise<number | undefined>): Promise<void> {
  const terminal = new Terminal();
  // A closed pipe, as after `npm start | head`, is no reason to stop.
  process.stdout.on('error', () => undefined);
  try {
    const code = await command(terminal);
    if (code !== undefined) process.exit(code);
  } catch (error) {
    reportError(terminal, error);
    process.exit(1);
  }
}

export function reportError(terminal: Terminal, error: unknown): void {
  if (!(error instanceof StackError)) return terminal.trouble(error instanceof Error ? error.stack! : String(error));
  terminal.trouble(error.message);
  for (const line of error.details) terminal.line(`    ${line}`);
}
