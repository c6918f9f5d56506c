import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import { byText, byTime, changedAfter, type ListRow, notFound, pageJson, pageStatement } from '#common/http/index';
import { beginDeletion } from '#common/operations/index';
import { profileColumns } from '../profiles/profile.columns.js';
import { tellProfileCreated, tellProfileDeleted, type ProfileState } from '../profiles/profile.events.js';
import type { ChangeOrganization, CreateOrganization } from './dto/organization.dto.js';
import type { OrganizationsQuery } from './dto/organizations-query.dto.js';
import { organizationAnswer, organizationJson } from './organization.columns.js';
import { Organization } from './organization.entity.js';
import { alreadyMember, operatorOrganization } from './organization.errors.js';
import { tellOrganizationCreated, tellOrganizationDeleted, tellOrganizationUpdated } from './organization.events.js';

const listed = {
  item: organizationJson,
  from: 'organizations AS o',
  alias: 'o',
  filters: { name: 'o.name = ?', ...changedAfter('o.created_at', 'o.updated_at') },
  sorts: { updatedAt: byTime('o.updated_at'), name: byText('o.name') },
};

type Row<T> = T & Record<string, unknown>;

@Injectable()
export class OrganizationsService {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** The own organization; all of them for a platform admin. */
  list(context: RequestContext, query: OrganizationsQuery): Promise<string> {
    return this.unitOfWork.run(context, async (tx) => {
      const where = tx.caller.isPlatformAdmin ? 'app.is_admin()' : 'o.id = app.org()';
      const page = pageStatement<OrganizationsQuery>({ ...listed, where }, query);
      return pageJson(await tx.query<ListRow>(page.text, page.values), query);
    });
  }

  async read(context: RequestContext, id: string): Promise<string> {
    const [row] = await this.unitOfWork.read<{ item: string }>(
      { ...context, organizationId: id },
      {
        text: `SELECT ${organizationJson}::text AS item FROM organizations AS o WHERE o.id = $1 AND o.id = app.org()`,
        values: [id],
      },
    );
    if (!row) throw notFound('organization');
    return row.item;
  }

  /** Makes the caller its owner, unless that is a platform admin; raises 409 `already_member` for any other member. */
  create(context: RequestContext, { name }: CreateOrganization) {
    return this.unitOfWork.run(context, async (tx) => {
      const { isPlatformAdmin, profileId } = tx.caller;
      if (profileId !== null && !isPlatformAdmin) throw alreadyMember();
      const organization: Organization = {
        id: tx.newId(),
        name,
        isOperator: false,
        createdAt: tx.now,
        updatedAt: tx.now,
        version: 1,
      };
      tellOrganizationCreated(tx, organization);
      if (isPlatformAdmin) {
        const { isOperator: _, ...row } = organization;
        tx.insert(Organization, row);
      } else this.found(tx, organization);
      return organizationAnswer(organization);
    });
  }

  private found(tx: RequestTx, { id, name }: Organization): void {
    const profileId = tx.newId();
    tx.execute(`SELECT app.found_organization($1, $2, $3, $4)`, [id, name, profileId, tx.now]);
    const { userId } = tx.caller;
    tellProfileCreated(tx, { id: profileId, organizationId: id, userId, role: 'owner', version: 1, createdAt: tx.now });
  }

  change(context: RequestContext, id: string, { name }: ChangeOrganization) {
    return this.unitOfWork.run({ ...context, organizationId: id }, async (tx) => {
      const organization = await this.lock(tx, id);
      tx.compare(organizationAnswer(organization));
      if (name === undefined || name === organization.name) return organizationAnswer(organization);
      const changed = { ...organization, name, updatedAt: tx.now, version: organization.version + 1 };
      const { updatedAt, version } = changed;
      tx.update(Organization, { id, version: organization.version }, { name, updatedAt, version });
      tellOrganizationUpdated(tx, changed);
      return organizationAnswer(changed);
    });
  }

  /** Removes all its profiles too; its users keep their accounts. */
  remove(context: RequestContext, id: string): Promise<void> {
    return this.unitOfWork.run({ ...context, organizationId: id }, async (tx) => {
      const organization = await this.lock(tx, id);
      tx.compare(organizationAnswer(organization));
      if (organization.isOperator) throw operatorOrganization();
      const profiles = await tx.query<Row<ProfileState>>(
        `SELECT ${profileColumns} FROM user_profile AS p WHERE p.organization_id = $1 FOR UPDATE`,
        [id],
      );
      tx.remove(Organization, { id });
      for (const profile of profiles) tellProfileDeleted(tx, profile);
      tellOrganizationDeleted(
        tx,
        organization,
        profiles.flatMap(({ userId }) => userId ?? []),
      );
      beginDeletion(tx, 'organization', id);
    });
  }

  private async lock(tx: RequestTx, id: string): Promise<Organization> {
    const [organization] = await tx.query<Row<Organization>>(
      `SELECT o.id, o.name, o.is_operator AS "isOperator", o.created_at AS "createdAt", o.updated_at AS "updatedAt", o.version
       FROM organizations AS o WHERE o.id = $1 AND o.id = app.org() FOR UPDATE`,
      [id],
    );
    if (!organization) throw notFound('organization');
    return organization;
  }
}
