import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

/** Requests kept under way at once, each on a connection of its own. */
export const connections = 32;

export interface Target {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
}

export interface Round {
  readonly perSecond: number;
  /** Microseconds of CPU per request, of the process under test alone. */
  readonly cpu: number;
}

/** Milliseconds of CPU that a process has used so far. */
export function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/**
 * Sends requests over one connection, one after the other, until the time is over; counts the answers. Written by hand:
 * a full client would use as much CPU as the server that it shares two cores with.
 */
function drive(port: number, next: () => string, until: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let answered = 0;
    let received = '';
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write(next()));
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      const head = received.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = /content-length: (\d+)/i.exec(received)?.[1];
      if (length === undefined || !received.startsWith('HTTP/1.1 2')) return reject(new Error(received));
      if (received.length < head + 4 + Number(length)) return;
      answered += 1;
      received = '';
      if (performance.now() < until) socket.write(next());
      else socket.end(() => resolve(answered));
    });
  });
}

export const request = (method: string, path: string, token: string, body?: object): string => {
  const text = body === undefined ? '' : JSON.stringify(body);
  const type =
    body === undefined ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${token}\r\n${type}\r\n${text}`;
};

/** One round of load on one target. */
export async function round(target: Target, next: () => string, milliseconds: number): Promise<Round> {
  const cpuBefore = cpuOf(target.pid);
  const begun = performance.now();
  const counts = await Promise.all(
    Array.from({ length: connections }, () => drive(target.port, next, begun + milliseconds)),
  );
  const elapsed = performance.now() - begun;
  const count = counts.reduce((sum, each) => sum + each, 0);
  return { perSecond: (count / elapsed) * 1_000, cpu: ((cpuOf(target.pid) - cpuBefore) * 1_000) / count };
}
