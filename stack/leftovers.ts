import type { DataFolder } from './data-folder.js';
import { endLeftoverNats } from './nats-server.js';
import { argumentOf } from './node-process.js';
import { endLeftoverPostgres } from './postgres.js';
import { endProcess, processesCalledWith } from './processes.js';

/**
 * Ends what a killed launcher left running on this data folder. Our own processes end by themselves when their launcher is
 * gone, but one that hangs does not.
 * @returns names of what was ended
 */
export async function endLeftovers(folder: DataFolder): Promise<string[]> {
  const ended: string[] = [];
  const own = await processesCalledWith(argumentOf(folder.path));
  await Promise.all(
    own.map((pid) =>
      endProcess(pid, [
        ['SIGTERM', 3_000],
        ['SIGKILL', 2_000],
      ]),
    ),
  );
  if (own.length) ended.push(`${own.length} of our processes`);
  if (await endLeftoverNats(folder.of('nats'))) ended.push('nats-server');
  if (await endLeftoverPostgres(folder.of('postgres'))) ended.push('postgres');
  return ended;
}
