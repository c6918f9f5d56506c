import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { UnitOfWork } from '#common/database/index';
import { userAnswer } from '../auth/answers.js';
import { type FactorAnswer, factorsOfUser } from '../mfa/factor.columns.js';
import { type AccountRow, userColumns } from '../users/users.js';
import { userNotFound } from './admin-users.errors.js';

/** One page with the number of all users; a page beyond the last is one row without a user. */
const listText = `
  SELECT all_users.total, u.* FROM (SELECT count(*)::integer AS total FROM users WHERE app.is_admin()) AS all_users
  LEFT JOIN LATERAL (
    SELECT ${userColumns} FROM users AS u JOIN (
      SELECT id FROM users WHERE app.is_admin() ORDER BY created_at DESC, id DESC LIMIT $1 OFFSET $2
    ) AS page ON page.id = u.id
  ) AS u ON true
  ORDER BY u."createdAt" DESC, u.id DESC`;

/** The accounts of everybody, for platform admins. */
@Injectable()
export class AdminUsersService {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async list(context: RequestContext, page: number, perPage: number) {
    const rows = await this.unitOfWork.read<AccountRow & { total: number }>(context, {
      text: listText,
      values: [perPage, (page - 1) * perPage],
    });
    const users = rows.filter(({ id }) => id !== null).map(userAnswer);
    return { total: rows[0]!.total, users };
  }

  async get(context: RequestContext, id: string) {
    const [user] = await this.unitOfWork.read<AccountRow>(context, {
      text: `SELECT ${userColumns} FROM users AS u WHERE u.id = $1 AND app.is_admin()`,
      values: [id],
    });
    if (!user) throw userNotFound();
    return userAnswer(user);
  }

  async factors(context: RequestContext, id: string): Promise<readonly FactorAnswer[]> {
    const [user] = await this.unitOfWork.read<{ factors: readonly FactorAnswer[] }>(context, {
      text: `SELECT ${factorsOfUser} AS factors FROM users AS u WHERE u.id = $1 AND app.is_admin()`,
      values: [id],
    });
    if (!user) throw userNotFound();
    return user.factors;
  }
}
