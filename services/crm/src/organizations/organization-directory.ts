import { Injectable } from '@nestjs/common';
import { OwnerAuthority, type RequestContext } from '#common/auth/index';
import { type RequestTx, SystemUnitOfWork, type Tx } from '#common/database/index';
import { Broker } from '#common/events/index';
import { Problem, referenceNotFound } from '#common/http/index';
import { continueTrace } from '#common/observability/index';

/** Identity's answer about one organization; null when there is none. */
interface OrganizationAnswer {
  readonly organization: { readonly organizationId: string; readonly epoch: number; readonly version: number } | null;
}

/** A reference that the copies do not bear out; identity may know better. */
export class NotBorneOut extends Problem {
  constructor(
    readonly what: 'organization' | 'user',
    readonly id: string,
  ) {
    const { status, code, detail } = referenceNotFound(what);
    super(status, code, detail);
  }
}

/** Which organizations and users exist, by copies that identity's events keep; identity is asked before a copy refuses. */
@Injectable()
export class OrganizationDirectory {
  constructor(
    private readonly broker: Broker,
    private readonly authority: OwnerAuthority,
    private readonly system: SystemUnitOfWork,
  ) {}

  /** Raises 409 for an organization that does not exist. */
  async require(tx: RequestTx, organizationIds: readonly string[]): Promise<void> {
    const [known] = await tx.query<{ live: string[] }>(`SELECT app.live_organizations($1) AS live`, [organizationIds]);
    const missing = organizationIds.find((id) => !known!.live.includes(id.toLowerCase()));
    if (missing !== undefined) throw new NotBorneOut('organization', missing);
  }

  /** Runs work; for each reference that the copies do not bear out, asks identity and runs it again. */
  async askingOnce<T>({ userId }: RequestContext, work: () => Promise<T>): Promise<T> {
    for (const asked = new Set<string>(); ;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof NotBorneOut) || asked.has(error.id)) throw error;
        asked.add(error.id);
        await this.ask(error, userId);
      }
    }
  }

  private async ask({ what, id }: NotBorneOut, askerId: string): Promise<void> {
    if (what === 'user') {
      await this.authority.askAccess(id, askerId);
      return;
    }
    const question = { organizationId: id };
    const { organization } = await this.broker.ask<OrganizationAnswer>('identity.ask.organization', question);
    if (!organization) return;
    await this.system.run({ trace: continueTrace(undefined) }, async (tx) => keepOrganization(tx, organization));
  }
}

export function keepOrganization(
  tx: Tx,
  organization: { organizationId: string; epoch: number; version: number; deleted?: boolean },
): void {
  tx.execute(
    `INSERT INTO ref_organization AS known (organization_id, epoch, version, deleted_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (organization_id) DO UPDATE
       SET epoch = excluded.epoch, version = excluded.version, deleted_at = excluded.deleted_at
     WHERE (known.epoch, known.version) < (excluded.epoch, excluded.version)`,
    [
      organization.organizationId,
      organization.epoch,
      organization.version,
      organization.deleted === true ? tx.now : null,
    ],
  );
}
