import { randomUUID } from 'node:crypto';
import type { LicenseFact } from '../auth/copies.js';
import { builtInModules } from '../auth/policy.js';
import { EventSourcePeer } from './event-source-peer.js';
import type { TestStack } from './test-stack.js';

type LicenseChange = Partial<Pick<LicenseFact, 'expirationDate' | 'suspended' | 'revoked' | 'modules'>>;

/** Licensing, as other services see it: its answers about licenses, and their events. */
export class LicensingPeer {
  private readonly licenses = new Map<string, LicenseFact>();

  private constructor(readonly events: EventSourcePeer) {
    events.answer('licensing.ask.licenses', ({ organizationId }: { organizationId: string }): LicenseFact[] =>
      [...this.licenses.values()]
        .filter((license) => license.organizationId === organizationId)
        .map((license) => ({ ...license, epoch: events.epoch, sequence: events.log.length + 1 })),
    );
    events.things['license'] = {
      fields: {
        organizationId: 'uuid',
        expirationDate: 'text',
        suspended: 'boolean',
        revoked: 'boolean',
        modules: 'text[]',
      },
      rows: () => [...this.licenses].map(([key, license]) => ({ key, ...license })),
    };
  }

  static async start(stack: TestStack): Promise<LicensingPeer> {
    return new LicensingPeer(await EventSourcePeer.start(stack, 'licensing'));
  }

  /** Issues a license with all built-in modules that never expires, unless told otherwise. */
  async issue(organizationId: string, change: LicenseChange = {}, silently = false): Promise<string> {
    const licenseId = randomUUID();
    const license: LicenseFact = {
      licenseId,
      organizationId,
      expirationDate: null,
      suspended: false,
      revoked: false,
      modules: [...builtInModules].sort(),
      epoch: 1,
      version: 1,
      sequence: 0,
      ...change,
    };
    await this.tell('license.issued', license, silently);
    return licenseId;
  }

  /** Changes a license; the event is `license.renewed` unless named. */
  async change(
    licenseId: string,
    change: LicenseChange,
    options: { type?: string; silently?: boolean } = {},
  ): Promise<void> {
    const license = this.licenses.get(licenseId)!;
    await this.tell(
      options.type ?? 'license.renewed',
      { ...license, ...change, version: license.version + 1 },
      options.silently,
    );
  }

  private async tell(type: string, license: LicenseFact, silently = false): Promise<void> {
    this.licenses.set(license.licenseId, license);
    const { epoch: _, sequence: __, version, ...data } = license;
    const event = { type, aggregateId: license.licenseId, version, organizationId: license.organizationId, data };
    if (silently) this.events.append(event);
    else await this.events.emit(event);
  }
}
