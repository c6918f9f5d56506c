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

/** Builds a `FunctionAnswer` from a row of `functions`. */
export const functionJson = `json_build_object('id', id, 'createdBy', created_by,
  'userId', coalesce(user_id, created_by), 'name', name, 'description', description, 'code', code,
  'parameters', parameters, 'createdAt', app.iso(created_at), 'updatedAt', app.iso(updated_at))`;
