import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { UnitOfWork } from '#common/database/index';
import { Problem } from '#common/http/index';

/** What `app.unlink_identity` says → the problem that it is. */
const problems: Readonly<Record<string, () => Problem>> = {
  unknown: () => new Problem(404, 'identity_not_found', 'Identity does not exist'),
  last: () => new Problem(422, 'single_identity_not_deletable', 'User must have at least 1 identity after unlinking'),
  email: () => new Problem(422, 'email_identity_not_deletable', 'The identity of the address cannot be unlinked'),
};

/** The identities of the signed-in user. */
@Injectable()
export class IdentitiesService {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Unlinks an identity; the last way to sign in cannot be. */
  async unlink(context: RequestContext, identityId: string): Promise<void> {
    await this.unitOfWork.run(context, async (tx) => {
      const [row] = await tx.query<{ outcome: string }>(`SELECT app.unlink_identity($1, $2) AS outcome`, [
        identityId,
        tx.now,
      ]);
      const problem = problems[row!.outcome];
      if (problem) throw problem();
    });
  }
}
