import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { PreferenceChanged } from '#common/contracts/index';
import { type Tx, UnitOfWork } from '#common/database/index';
import {
  byText,
  byTime,
  changedAfter,
  invalid,
  type ListRow,
  notFound,
  pageJson,
  pageStatement,
  Problem,
} from '#common/http/index';
import type { PreferencesQuery } from './dto/preferences-query.dto.js';
import type { PutPreference } from './dto/put-preference.dto.js';

/** 1 to 128 characters, none of them a control character or half of a surrogate pair. */
const keyFormat = /^[^\p{C}]{1,128}$/u;

/** Preferences of one user at most. */
const preferenceLimit = 1_000;

const preferenceJson = `json_build_object('id', f.id, 'preferenceKey', f.preference_key,
  'preferenceValue', f.preference_value, 'createdAt', app.iso(f.created_at), 'updatedAt', app.iso(f.updated_at))`;

const oneText = `SELECT ${preferenceJson}::text AS item FROM user_preferences AS f
  WHERE f.user_id = app.usr() AND f.preference_key = $1`;

interface Written {
  readonly id: string;
  readonly version: number;
  readonly item: string;
  readonly [column: string]: unknown;
}

@Injectable()
export class PreferencesService {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async list(context: RequestContext, query: PreferencesQuery): Promise<string> {
    const page = pageStatement<PreferencesQuery>(
      {
        item: preferenceJson,
        from: 'user_preferences AS f',
        alias: 'f',
        where: 'f.user_id = app.usr()',
        filters: changedAfter('f.created_at', 'f.updated_at'),
        sorts: { updatedAt: byTime('f.updated_at'), preferenceKey: byText('f.preference_key') },
      },
      query,
    );
    return pageJson(await this.unitOfWork.read<ListRow>(context, page), query);
  }

  async read(context: RequestContext, key: string): Promise<string> {
    const [row] = await this.unitOfWork.read<{ item: string }>(context, { text: oneText, values: [key] });
    if (!row) throw notFound('preference');
    return row.item;
  }

  /** Sets the value, whether there was one or not. */
  put(context: RequestContext, key: string, body: PutPreference): Promise<string> {
    if (!keyFormat.test(key)) throw invalid('{key}', 'key must have 1 to 128 printable characters');
    if (body.preferenceKey !== undefined && body.preferenceKey !== key) {
      throw invalid('/preferenceKey', 'preferenceKey must be the one in the path');
    }
    return this.unitOfWork.run(context, async (tx) => {
      // One at a time, or those that are put at once would each find room for the last one.
      tx.execute(`SELECT pg_advisory_xact_lock(hashtextextended('preferences of ' || app.usr(), 0))`);
      if (tx.isConditional) tx.compare(await lock(tx, key));
      const [written] = await tx.query<Written>(
        `INSERT INTO user_preferences AS f (id, user_id, preference_key, preference_value, created_at, updated_at)
         SELECT $1::uuid, app.usr(), $2::text, $3::jsonb, $4::timestamptz, $4::timestamptz
         WHERE EXISTS (SELECT FROM user_preferences AS e WHERE e.user_id = app.usr() AND e.preference_key = $2)
           OR (SELECT count(*) FROM user_preferences AS c WHERE c.user_id = app.usr()) < ${preferenceLimit}
         ON CONFLICT ON CONSTRAINT user_preferences_user_id_preference_key_key DO UPDATE
           SET preference_value = excluded.preference_value, updated_at = excluded.updated_at, version = f.version + 1
         RETURNING f.id, f.version, ${preferenceJson}::text AS item`,
        [tx.newId(), key, JSON.stringify(body.preferenceValue), tx.now],
      );
      if (!written) {
        throw new Problem(409, 'too_many_preferences', `A user has ${preferenceLimit} preferences at most.`);
      }
      tellChanged(tx, context.userId, key, { ...written, deleted: false });
      return written.item;
    });
  }

  remove(context: RequestContext, key: string): Promise<void> {
    return this.unitOfWork.run(context, async (tx) => {
      const current = tx.isConditional && (await lock(tx, key));
      if (current) tx.compare(current);
      const [removed] = await tx.query<{ id: string; version: number }>(
        `DELETE FROM user_preferences AS f WHERE f.user_id = app.usr() AND f.preference_key = $1
         RETURNING f.id, f.version + 1 AS version`,
        [key],
      );
      if (!removed) throw notFound('preference');
      tellChanged(tx, context.userId, key, { ...removed, deleted: true });
    });
  }
}

async function lock(tx: Tx, key: string): Promise<string | null> {
  const [row] = await tx.query<{ item: string }>(`${oneText} FOR UPDATE`, [key]);
  return row?.item ?? null;
}

function tellChanged(
  tx: Tx,
  userId: string,
  preferenceKey: string,
  { id, version, deleted }: { id: string; version: number; deleted: boolean },
): void {
  tx.emit(PreferenceChanged, {
    aggregateId: id,
    version,
    data: { preferenceId: id, userId, preferenceKey, deleted },
    audience: { users: [userId] },
  });
}
