import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { compactObject, timesOf, UnitOfWork } from '#common/database/index';
import { organizationJson } from '../organizations/organization.columns.js';
import { profileJson } from '../profiles/profile.columns.js';
import { eraseUser } from './erasure.js';
import { accountErased } from './user.errors.js';

const userJson = compactObject({
  id: 'u.id',
  email: 'u.email',
  emailConfirmedAt: 'app.iso(u.email_confirmed_at)',
  lastSignInAt: 'app.iso(u.last_sign_in_at)',
  ...timesOf('u'),
});

const meJson = compactObject({
  user: userJson,
  profile: `CASE WHEN p.id IS NOT NULL THEN ${profileJson} END`,
  organization: `CASE WHEN o.id IS NOT NULL THEN ${organizationJson} END`,
});

const meText = `
  SELECT ${meJson}::text AS item
  FROM users AS u
  LEFT JOIN user_profile AS p ON p.user_id = u.id
  LEFT JOIN organizations AS o ON o.id = p.organization_id
  WHERE u.id = app.usr()`;

/** The signed-in user as a whole: account, profile and organization. */
@Injectable()
export class MeService {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async read(context: RequestContext): Promise<string> {
    const [me] = await this.unitOfWork.read<{ item: string }>(context, { text: meText });
    if (!me) throw accountErased();
    return me.item;
  }

  /** Erases the account with its sessions, profile, preferences and keys; the last owner of an organization cannot. */
  erase(context: RequestContext): Promise<void> {
    return this.unitOfWork.run(context, async (tx) => {
      const [user] = await tx.query<{ id: string; version: number }>(
        `SELECT u.id, u.version FROM users AS u WHERE u.id = app.usr() FOR UPDATE`,
      );
      if (!user) throw accountErased();
      if (tx.isConditional) tx.compare((await tx.query<{ item: string }>(meText))[0]!.item);
      await eraseUser(tx, user);
    });
  }
}
