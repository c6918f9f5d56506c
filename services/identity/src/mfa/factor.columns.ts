/** SQL of a factor (alias `f`) as Supabase Auth answers it. */
const factorJson = `json_strip_nulls(json_build_object('id', f.id, 'friendly_name', nullif(f.friendly_name, ''),
  'factor_type', 'totp', 'status', f.status, 'created_at', app.iso(f.created_at), 'updated_at', app.iso(f.updated_at),
  'last_challenged_at', app.iso(f.last_challenged_at)))`;

/** SQL of the list of a user's factors (alias `u`), the oldest first. */
export const factorsOfUser = `(SELECT coalesce(json_agg(${factorJson} ORDER BY f.created_at, f.id), '[]')
  FROM mfa_factors AS f WHERE f.user_id = u.id)`;

export interface FactorAnswer {
  readonly id: string;
  readonly factor_type: 'totp';
  readonly status: 'unverified' | 'verified';
  readonly friendly_name?: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly last_challenged_at?: string;
}
