import { parseArgs, type ParseArgsConfig } from 'node:util';
import { messageOf, StackError } from './stack-error.js';

/** What was wrong with a command line, in one sentence. */
export const fault = (message: string): StackError => new StackError(`${message} (--help shows how)`);

/** The words and options of a command line; raises a `fault` for an option that there is not. */
export function parsed<Config extends ParseArgsConfig>(config: Config): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw fault(messageOf(error).replace(/\. To specify.*/s, ''));
  }
}
