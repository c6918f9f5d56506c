import ipaddr from 'ipaddr.js';
import { isIPv6 } from 'node:net';

/** How an address may be connected to: as anybody may, as the operator allows, or not at all. */
export type Reached = 'public' | 'allowed' | 'refused';

/** Whatever is global unicast in IPv6; all else that exists is special, or embeds an IPv4 address. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/** Which addresses may be connected to: the public ones, and the networks that the operator allows. */
export class Reach {
  private readonly networks: readonly (readonly [ipaddr.IPv4 | ipaddr.IPv6, number])[];

  /** @param networks addresses or CIDR ranges */
  constructor(networks: readonly string[]) {
    const whole = (address: string): string => `${address}/${isIPv6(address) ? 128 : 32}`;
    this.networks = networks.map((network) => ipaddr.parseCIDR(network.includes('/') ? network : whole(network)));
  }

  get isWidened(): boolean {
    return this.networks.length > 0;
  }

  /** An IPv4 address in IPv6 clothes (`::ffff:127.0.0.1`) is what it maps to. */
  of(text: string): Reached {
    const address = ipaddr.process(text);
    if (this.networks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))) {
      return 'allowed';
    }
    if (address.range() !== 'unicast') return 'refused';
    return address.kind() === 'ipv4' || address.match(...globalUnicast) ? 'public' : 'refused';
  }
}
