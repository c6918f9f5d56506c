import { createConnection, createServer, type AddressInfo } from 'node:net';
import { systemCode } from './stack-error.js';

/** Everything in the stack listens on this address only. */
export const loopback = '127.0.0.1';

/** A port of the loopback address that nobody holds at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, loopback, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Whether this process could listen on the port: `busy` when another one does, `forbidden` when the system refuses. */
export async function portState(port: number): Promise<'free' | 'busy' | 'forbidden'> {
  // Some systems let a loopback listener beside one on all addresses: so ask first whether anybody answers.
  if (await accepts(port)) return 'busy';
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(systemCode(error) === 'EACCES' ? 'forbidden' : 'busy'));
    server.listen(port, loopback, () => server.close(() => resolve('free')));
  });
}

/** Whether something accepts connections on the port. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: loopback });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => settle(true));
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
  });
}
