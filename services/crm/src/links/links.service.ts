import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import { forbidden, notFound } from '#common/http/index';
import { linkOrganization, linkUser, unlinkOrganization, unlinkUser } from '../customers/customer-changes.js';
import { childrenLimit, type OrganizationLinkView, type UserLinkView } from '../customers/customer.view.js';
import { customerAlreadyLinked, limitReached } from '../customers/customers.errors.js';
import { lockCustomer, type ViewedCustomer } from '../customers/held-customer.js';
import { NotBorneOut, OrganizationDirectory } from '../organizations/organization-directory.js';

/** Which organizations hold a customer, and which user it is. */
@Injectable()
export class LinksService {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly organizations: OrganizationDirectory,
  ) {}

  /** Links an organization; one that is linked already stays so, and nothing is told. */
  linkOrganization(context: RequestContext, id: string, organizationId: string): Promise<OrganizationLinkView> {
    return this.organizations.askingOnce(context, () =>
      this.unitOfWork.run(context, async (tx) => {
        const held = await lockCustomer(tx, id);
        const known = held.view.organizations.find((link) => link.organizationId === organizationId);
        tx.compare(known ?? null);
        if (known) return known;
        if (!tx.caller.isPlatformAdmin) throw forbidden('Only a platform admin links another organization.');
        if (held.organizationIds.length >= childrenLimit) throw limitReached('organizations');
        await this.organizations.require(tx, [organizationId]);
        linkOrganization(tx, held, organizationId);
        return { organizationId, createdAt: tx.nowText };
      }),
    );
  }

  /** Removes an organization's link, the last of which deletes the customer; a member knows only of the own one. */
  unlinkOrganization(context: RequestContext, id: string, organizationId: string): Promise<void> {
    return this.unitOfWork.run(context, async (tx) => {
      const held = await lockCustomer(tx, id);
      const known = held.view.organizations.find((link) => link.organizationId === organizationId);
      if (!known) throw notFound('link');
      tx.compare(known);
      unlinkOrganization(tx, held, organizationId);
    });
  }

  /** Links a user; the one that is linked already stays so, and nothing is told. */
  linkUser(context: RequestContext, id: string, userId: string): Promise<UserLinkView> {
    return this.organizations.askingOnce(context, () =>
      this.unitOfWork.run(context, async (tx) => {
        tx.execute(`SELECT app.hold_user($1)`, [userId]);
        const held = await lockCustomer(tx, id);
        const { user } = held.view;
        tx.compare(user);
        if (user?.userId === userId) return user;
        if (user) throw customerAlreadyLinked();
        linkUser(tx, held, userId, await this.linkableProfile(tx, held, userId));
        return { userId, createdAt: tx.nowText };
      }),
    );
  }

  /**
   * The profile by which a user may be linked: one of the own organization, or of a user whose confirmed email is one of
   * the customer's. Whoever else it is gets the answer of a user who does not exist.
   */
  private async linkableProfile(tx: RequestTx, held: ViewedCustomer, userId: string): Promise<string> {
    const organizations = tx.caller.isPlatformAdmin ? held.organizationIds : [tx.organizationId];
    const emails = held.view.emails.map(({ email }) => email);
    const [found] = await tx.query<{ profileId: string | null }>(
      `SELECT app.linkable_profile($1, $2, $3) AS "profileId"`,
      [userId, organizations, emails],
    );
    if (found!.profileId === null) throw new NotBorneOut('user', userId);
    return found!.profileId;
  }

  unlinkUser(context: RequestContext, id: string): Promise<void> {
    return this.unitOfWork.run(context, async (tx) => {
      const held = await lockCustomer(tx, id);
      if (held.userId === null) throw notFound('link');
      tx.compare(held.view.user);
      unlinkUser(tx, held, held.userId);
    });
  }
}
