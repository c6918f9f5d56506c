import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { SystemUnitOfWork, type Tx } from '#common/database/index';
import { Loop } from '#common/events/index';
import { continueTrace, createLogger } from '#common/observability/index';
import { Passwords } from '../auth/passwords.js';
import { SigningKeys } from '../auth/keys/signing-keys.js';
import { IdentityConfig } from '../identity.config.js';
import { tellOrganizationCreated } from '../organizations/organization.events.js';
import { Profile } from '../profiles/profile.entity.js';
import { tellProfileCreated } from '../profiles/profile.events.js';
import { normalizeEmail } from '../users/email-address.js';
import { isTaken } from '../users/user.errors.js';
import { registerUser } from '../users/users.js';

const operatorName = 'Clarity';

/**
 * What the first start ever makes: the signing key, and the operator's organization with its first platform admin. It waits
 * for the database in the background, may be repeated, and may run in several replicas at once.
 */
@Injectable()
export class FirstStart implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger;
  private readonly loop: Loop;

  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly config: IdentityConfig,
    private readonly keys: SigningKeys,
    private readonly passwords: Passwords,
  ) {
    this.logger = createLogger('identity', config.LOG_LEVEL);
    this.loop = new Loop('first start', this.logger, () => this.round());
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  /** One round that succeeds is enough. */
  private async round(): Promise<number> {
    await this.keys.current();
    await this.makeOperator();
    void this.loop.stop();
    return 0;
  }

  private async makeOperator(): Promise<void> {
    const known = await this.system.read({ text: `SELECT FROM organizations WHERE is_operator` });
    if (known.length > 0) return;
    const { PLATFORM_ADMIN_EMAIL: email, PLATFORM_ADMIN_PASSWORD: password } = this.config;
    if (email === undefined || password === undefined) {
      this.logger.warn('no platform admin yet: set PLATFORM_ADMIN_EMAIL and PLATFORM_ADMIN_PASSWORD');
      return;
    }
    const passwordHash = await this.passwords.hash(password);
    try {
      await this.system.run({ trace: continueTrace(undefined) }, (tx) =>
        this.write(tx, normalizeEmail(email), passwordHash),
      );
    } catch (error) {
      if (!isTaken(error)) throw error;
      this.logger.error('no platform admin yet: somebody has signed up with PLATFORM_ADMIN_EMAIL; set another one');
    }
  }

  private async write(tx: Tx, email: string, passwordHash: string): Promise<void> {
    const organization = { id: tx.newId(), name: operatorName, isOperator: true, version: 1 };
    const [made] = await tx.query(
      `INSERT INTO organizations (id, name, is_operator, created_at, updated_at) VALUES ($1, $2, true, $3, $3)
       ON CONFLICT (is_operator) WHERE is_operator DO NOTHING RETURNING 1`,
      [organization.id, organization.name, tx.now],
    );
    if (!made) return;
    const user = registerUser(tx, { email, passwordHash, confirmed: true, signsIn: false });
    const profile = {
      id: tx.newId(),
      organizationId: organization.id,
      userId: user.id,
      email,
      role: 'platform_admin' as const,
      version: 1,
      createdAt: tx.now,
      updatedAt: tx.now,
    };
    tx.insert(Profile, profile);
    tellOrganizationCreated(tx, organization);
    tellProfileCreated(tx, profile);
  }
}
