import type { RequestContext } from '../auth/caller.js';
import type { UnitOfWork } from '../database/unit-of-work.js';
import { forbidden } from '../http/problem.js';

/**
 * Judges the policy of a route whose rows the system's role reads, which no policy of a table keeps from anybody: so the
 * database, too, is asked whether who has entered is a platform admin.
 */
export async function admitPlatformAdmin(unitOfWork: UnitOfWork, context: RequestContext): Promise<void> {
  const [entered] = await unitOfWork.read<{ admin: string }>(context, {
    text: `SELECT current_setting('app.is_admin') AS admin`,
  });
  if (entered!.admin !== 'on') throw forbidden('Only a platform admin may do this.');
}
