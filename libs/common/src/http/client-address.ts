import ipaddr from 'ipaddr.js';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

export interface ClientAddress {
  readonly address: string;
  readonly protocol: string;
}

/** Addresses and CIDR ranges as one set. */
export function networksOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    list.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  return list;
}

const isTrusted = (trusted: BlockList, address: string): boolean =>
  trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

/**
 * Who sent a request, and over what: the peer; or, where the peer is a trusted proxy, the last address in
 * X-Forwarded-For that is not one itself. What a client writes there is never believed.
 */
export function clientAddress({ socket, headers }: IncomingMessage, trusted: BlockList): ClientAddress {
  let address = socket.remoteAddress ?? '';
  let protocol = 'http';
  const forwardedFor = headers['x-forwarded-for'];
  const isForwarded = forwardedFor !== undefined || headers['x-forwarded-proto'] !== undefined;
  if (!isForwarded || !isTrusted(trusted, address)) return { address, protocol };
  const forwardedProtocol = String(headers['x-forwarded-proto'] ?? '')
    .split(',')
    .at(-1)!
    .trim();
  if (forwardedProtocol === 'https') protocol = forwardedProtocol;
  const hops = String(forwardedFor ?? '').split(',');
  while (hops.length > 0 && isTrusted(trusted, address)) {
    const hop = hops.pop()!.trim();
    if (isIP(hop) === 0) break;
    address = hop;
  }
  return { address, protocol };
}

/**
 * What counts as one client: an IPv4 address, also in the form of IPv6; of IPv6 the /64, which is what one household or
 * machine is given, and may choose from as it likes.
 */
export function clientNetwork(address: string): string {
  if (!address.includes(':') || !ipaddr.isValid(address)) return address;
  const known = ipaddr.process(address);
  if (known.kind() === 'ipv4' || known.range() === 'loopback') return known.toString();
  return new ipaddr.IPv6([...(known as ipaddr.IPv6).parts.slice(0, 4), 0, 0, 0, 0]).toString();
}
