import { lookup as lookUp } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Replica } from './replica.js';

/** Milliseconds between two looks at what a name stands for. */
const lookEvery = 1_000;

/** All addresses of a name, as the system's resolver knows them. */
export type Lookup = (name: string, options: { all: true }) => Promise<readonly { address: string; family: number }[]>;

export interface OriginOptions {
  /** Seconds until an answer must begin. */
  readonly timeout: number;
  readonly lookup?: Lookup;
  /** Called when replicas have come or gone. */
  readonly onChange: () => void;
}

/**
 * What stands behind one origin. A platform that runs a service several times, such as Docker or a headless service of
 * Kubernetes, gives one name several addresses: each is a replica then, and they come and go as the name says.
 */
export class Origin {
  /** By address; the one without an address is reached by the name, whose only address it has. */
  private byAddress: ReadonlyMap<string | undefined, Replica>;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  constructor(
    private readonly url: string,
    private readonly options: OriginOptions,
  ) {
    this.byAddress = new Map([[undefined, new Replica(url, options.timeout)]]);
    const { hostname } = new URL(url);
    if (!isIP(hostname.replace(/^\[|\]$/g, ''))) void this.look(hostname);
  }

  get replicas(): readonly Replica[] {
    return [...this.byAddress.values()];
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await Promise.all(this.replicas.map((replica) => replica.close()));
  }

  /** A name that is not known at the moment tells nothing: what was there is asked on. */
  private async look(name: string): Promise<void> {
    const lookup: Lookup = this.options.lookup ?? lookUp;
    const found = await lookup(name, { all: true }).catch(() => undefined);
    if (this.isClosed) return;
    if (found) this.adopt(severalOf(found));
    this.timer = setTimeout(() => void this.look(name), lookEvery).unref();
  }

  private adopt(addresses: readonly (string | undefined)[]): void {
    const before = this.byAddress;
    if (addresses.length === before.size && addresses.every((address) => before.has(address))) return;
    const { timeout, onChange } = this.options;
    this.byAddress = new Map(
      addresses.map((address) => [address, before.get(address) ?? new Replica(this.url, timeout, address)]),
    );
    for (const [address, replica] of before) if (!this.byAddress.has(address)) replica.retire();
    onChange();
  }
}

/** One process may have an address of each family, so only several of one family are several replicas. */
function severalOf(found: readonly { address: string; family: number }[]): readonly (string | undefined)[] {
  for (const family of [4, 6]) {
    const addresses = new Set(found.filter((one) => one.family === family).map(({ address }) => address));
    if (addresses.size > 1) return [...addresses];
    if (addresses.size === 1) break;
  }
  return [undefined];
}
