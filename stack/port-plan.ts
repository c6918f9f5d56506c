import { serviceNames } from '#common/contracts/topology';
import { urlOf, type Server } from './environment.js';
import { greetingOf, natsServerName } from './nats-server.js';
import { freePort, portState } from './ports.js';
import { needsPostgres } from './service-databases.js';
import { portSettings, type StackSettings } from './settings.js';
import { StackError } from './stack-error.js';

/** @throws StackError when a port that the settings name cannot be had */
export async function assertPortsFree(settings: StackSettings): Promise<void> {
  await assertFree('GATEWAY_PORT', settings, isGateway);
  if (needsPostgres(settings)) await assertFree('POSTGRES_PORT', settings, async () => false);
  if (!settings.NATS_URL) {
    await assertFree('NATS_PORT', settings, async (port) => (await greetingOf(port)).includes(natsServerName));
  }
  if (!settings.SMTP_URL) {
    for (const setting of ['MAIL_PORT', 'MAIL_SMTP_PORT'] as const)
      await assertFree(setting, settings, async () => false);
  }
}

/** The gateway's port, and for the services the ones after it, or any free ones. */
export async function planPorts(settings: StackSettings) {
  const { GATEWAY_PORT: gateway } = settings;
  const taken = new Set(portSettings.map((name) => settings[name]));
  const ports: Partial<Record<Server, number>> = { gateway };
  for (const [index, service] of serviceNames.entries()) {
    let port = gateway + 1 + index;
    while (port > 65_535 || taken.has(port) || (await portState(port)) !== 'free') port = await freePort();
    taken.add(port);
    ports[service] = port;
  }
  return ports as Record<Server, number>;
}

async function assertFree(
  setting: (typeof portSettings)[number],
  settings: StackSettings,
  isClarity: (port: number) => Promise<boolean>,
): Promise<void> {
  const port = settings[setting];
  const state = await portState(port);
  if (state === 'free') return;
  if (state === 'forbidden') {
    throw new StackError(`Port ${port} may not be opened by this user: set ${setting} to one above 1023.`);
  }
  const holder = (await isClarity(port)) ? 'another Clarity' : 'another program';
  throw new StackError(`Port ${port} is in use by ${holder}: stop that one, or set ${setting} to a free port.`);
}

/** A gateway of Clarity names its services when asked about its health. */
async function isGateway(port: number): Promise<boolean> {
  try {
    const response = await fetch(`${urlOf(port)}/health/ready`, { signal: AbortSignal.timeout(2_000) });
    const text = await response.text();
    return serviceNames.every((service) => text.includes(service));
  } catch {
    return false;
  }
}
