import { runCommand } from './command.js';
import { DataFolder } from './data-folder.js';
import { launchSettings } from './launch-settings.js';
import { endLeftovers } from './leftovers.js';
import { StackError } from './stack-error.js';

await runCommand(async (terminal) => {
  const folder = new DataFolder(launchSettings().STACK_DATA_DIR);
  const launcher = await folder.launcher();
  if (launcher) {
    throw new StackError(
      `Clarity is running on ${folder.shown} (process ${launcher}): stop it first, with Ctrl-C there or kill ${launcher}.`,
    );
  }
  await endLeftovers(folder);
  const removed = await folder.remove();
  terminal.line(
    removed ? `${folder.shown} is deleted; npm start begins anew.` : `There is no ${folder.shown} to delete.`,
  );
  return 0;
});
