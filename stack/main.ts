import { setTimeout as delay } from 'node:timers/promises';
import { reportError, runCommand } from './command.js';
import { Daemon } from './daemon.js';
import { createDemoData } from './demo.js';
import { launchSettings } from './launch-settings.js';
import type { StackSettings } from './settings.js';
import { Stack } from './stack.js';
import { messageOf } from './stack-error.js';
import { seconds, type Terminal } from './terminal.js';
import { welcome } from './welcome.js';

/** Longest orderly stop, in milliseconds; whoever is still there is then told to go at once. */
const stopTimeout = 40_000;

/** One Ctrl-C may arrive twice: from the terminal, and passed on by npm. */
const sameSignal = 250;

await runCommand(async (terminal) => {
  const since = Date.now();
  const settings = launchSettings();
  const stack = new Stack(settings, terminal);
  const stop = stopOnce(stack);
  stopOnSignals(stop, terminal);
  terminal.line(`Clarity starts; data and logs are in ${stack.folder.shown}`);
  try {
    await stack.start();
    const withDemo = await provideDemo(stack, settings, terminal);
    terminal.line(`\nClarity runs at ${stack.url}, up in ${seconds(since)}. Ctrl-C stops it.\n`);
    for (const line of welcome(stack.url, settings, withDemo)) terminal.line(line);
    return undefined;
  } catch (error) {
    if (!stack.stopping) reportError(terminal, error);
    const requested = stack.stopping;
    await stop();
    return requested ? 0 : 1;
  }
});

function stopOnce(stack: Stack): () => Promise<void> {
  let stopped: Promise<void> | undefined;
  return () => (stopped ??= Promise.race([stack.stop(), delay(stopTimeout)]));
}

function stopOnSignals(stop: () => Promise<void>, terminal: Terminal): void {
  let first: number | undefined;
  const onSignal = () => {
    if (first === undefined) {
      first = Date.now();
      terminal.line('\nClarity stops; Ctrl-C again kills it.');
      void stop().then(() => {
        terminal.done('stopped', first!);
        process.exit(0);
      });
    } else if (Date.now() - first > sameSignal) {
      Daemon.signalAll('SIGKILL');
      process.exit(130);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
}

/** Answers whether the demo accounts can be used. Failing is no reason to stop: the next start tries again. */
async function provideDemo(stack: Stack, settings: StackSettings, terminal: Terminal): Promise<boolean> {
  if (!settings.AUTH_AUTOCONFIRM) return false;
  const since = Date.now();
  const admin = { email: settings.PLATFORM_ADMIN_EMAIL, password: settings.PLATFORM_ADMIN_PASSWORD };
  try {
    const created = await createDemoData({ gateway: stack.url, admin, doneFile: stack.folder.of('demo') });
    if (created) terminal.done('demo data', since);
    return true;
  } catch (error) {
    if (!stack.stopping) terminal.trouble(`demo data is not complete: ${messageOf(error)}; the next start tries again`);
    return false;
  }
}
