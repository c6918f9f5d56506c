import { runCommand } from './command.js';
import { DataFolder } from './data-folder.js';
import { launchSettings } from './launch-settings.js';
import { accepts, loopback } from './ports.js';
import { isAlive } from './processes.js';
import { readStackFile, type StackProcess } from './stack-file.js';

await runCommand(async (terminal) => {
  const folder = new DataFolder(launchSettings().STACK_DATA_DIR);
  const launcher = await folder.launcher();
  const description = await readStackFile(folder.of('stackFile'));
  if (!launcher || !description) {
    terminal.line(
      launcher
        ? `Clarity is being started or stopped on ${folder.shown} (process ${launcher}).`
        : `Clarity does not run on ${folder.shown}: npm start starts it.`,
    );
    return 1;
  }
  const healths = await Promise.all(description.processes.map(healthOf));
  terminal.line(`Clarity runs at ${description.gateway} (process ${launcher}, data in ${folder.shown})`);
  if (description.mail) terminal.line(`Mail is caught, not sent: ${description.mail.page} shows it`);
  description.processes.forEach(({ name, pid, port }, index) => {
    const { healthy, text } = healths[index];
    terminal.line(
      `${healthy ? '✔' : '✖'} ${name.padEnd(14)} ${String(port ?? '').padEnd(6)} pid ${String(pid).padEnd(8)} ${text}`,
    );
  });
  return healths.every(({ healthy }) => healthy) ? 0 : 1;
});

interface Health {
  readonly healthy: boolean;
  readonly text: string;
}

async function healthOf({ name, pid, port }: StackProcess): Promise<Health> {
  if (!isAlive(pid)) return { healthy: false, text: 'has ended, is started again' };
  if (port === null) return { healthy: true, text: 'runs' };
  if (name === 'postgres' || name === 'nats-server') {
    return (await accepts(port)) ? { healthy: true, text: 'runs' } : { healthy: false, text: 'does not answer' };
  }
  try {
    const response = await fetch(`http://${loopback}:${port}/health/ready`, { signal: AbortSignal.timeout(3_000) });
    const { status } = (await response.json().catch(() => ({}))) as { status?: string };
    return { healthy: response.ok, text: status ?? `answers ${response.status}` };
  } catch {
    return { healthy: false, text: 'does not answer' };
  }
}
