import type { DataFolder } from './data-folder.js';
import { endLeftoverNats } from './nats-server.js';
import { endLeftoverPostgres } from './postgres.js';
import { commandLine, endProcess } from './processes.js';
import { readStackFile } from './stack-file.js';

/**
 * Ends what a killed launcher left running on this data folder. Our own processes end by themselves when their launcher is
 * gone, but one that hangs does not.
 * @returns names of what was ended
 */
export async function endLeftovers(folder: DataFolder): Promise<string[]> {
  const description = await readStackFile(folder.of('stackFile')).catch(() => undefined);
  const ended: string[] = [];
  const endNode = async (name: string, pid: number) => {
    if (!(await commandLine(pid))?.endsWith(`--stack=${folder.path}`)) return;
    ended.push(name);
    await endProcess(pid, [
      ['SIGTERM', 5_000],
      ['SIGKILL', 2_000],
    ]);
  };
  await Promise.all((description?.processes ?? []).map(({ name, pid }) => endNode(name, pid)));
  if (await endLeftoverNats(folder.of('nats'))) ended.push('nats-server');
  if (await endLeftoverPostgres(folder.of('postgres'))) ended.push('postgres');
  return ended;
}
