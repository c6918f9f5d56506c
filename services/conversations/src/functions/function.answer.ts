/** A function as its owner sees it. */
export interface FunctionAnswer {
  readonly id: string;
  readonly createdBy: string;
  readonly userId: string;
  readonly name: string;
  readonly description: string | null;
  readonly code: string;
  readonly parameters: object | null;
  readonly createdAt: string;
  readonly updatedAt: string | null;
}

/** Who owns a row of `functions`, as its index and policies have it; see `creationOrder` for why it is no coalesce. */
export const functionOwner = `CASE WHEN user_id IS NULL THEN created_by ELSE user_id END`;

/** Builds a `FunctionAnswer` from a row of `functions`. */
export const functionJson = `json_build_object('id', id, 'createdBy', created_by,
  'userId', ${functionOwner}, 'name', name, 'description', description, 'code', code,
  'parameters', parameters, 'createdAt', app.iso(created_at), 'updatedAt', app.iso(updated_at))`;
