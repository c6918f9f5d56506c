import { Injectable } from '@nestjs/common';
import { OwnerAuthority, type RequestContext } from '#common/auth/index';
import { OwnerQuestions } from '#common/copies/index';
import type { RequestTx } from '#common/database/index';
import { Problem, referenceNotFound } from '#common/http/index';
import { type OrganizationFact, organizations } from './organization-copies.js';

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
    private readonly questions: OwnerQuestions,
    private readonly authority: OwnerAuthority,
  ) {}

  /** Raises 409 for an organization that does not exist. */
  async require(tx: RequestTx, organizationIds: readonly string[]): Promise<void> {
    const [known] = await tx.query<{ live: string[] }>(`SELECT app.live_organizations($1) AS live`, [organizationIds]);
    const missing = organizationIds.find((id) => !known!.live.includes(id));
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
    await this.questions.ask<{ organization: OrganizationFact | null }>({
      subject: 'identity.ask.organization',
      body: { organizationId: id },
      facts: ({ organization }) => [organization],
      keep: (tx, { organization }) => organizations.keep(tx, organization!),
    });
  }
}
