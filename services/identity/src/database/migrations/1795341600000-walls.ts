import { protect, runAsDefiner } from '#common/database/index';

/** Rows of the user itself. */
const own = { SELECT: 'user_id = app.usr()', UPDATE: 'user_id = app.usr()', DELETE: 'user_id = app.usr()' };

/** Only a platform admin grants, changes or removes a platform admin, and only in the operator's organization. */
const roleGuard = `(role <> 'platform_admin' OR (app.is_admin()
  AND EXISTS (SELECT FROM organizations AS o WHERE o.id = organization_id AND o.is_operator)))`;

export const policies = [
  ...protect('identity', 'organizations', {
    app: ['SELECT, INSERT, DELETE', 'UPDATE (name, updated_at, version)'],
    policies: {
      SELECT: 'id = app.org() OR app.is_admin()',
      INSERT: 'app.is_admin() AND NOT is_operator',
      UPDATE: 'id = app.org()',
      DELETE: 'id = app.org() AND NOT is_operator',
    },
    definer: ['SELECT, INSERT'],
  }),
  ...protect('identity', 'users', {
    app: [
      `SELECT (id, email, email_confirmed_at, app_metadata, user_metadata, last_sign_in_at, created_at, updated_at, version)`,
      'UPDATE (password_hash, user_metadata, updated_at, version)',
      'DELETE',
    ],
    policies: { SELECT: 'id = app.usr()', UPDATE: 'id = app.usr()', DELETE: 'id = app.usr()' },
    definer: ['SELECT'],
  }),
  ...protect('identity', 'user_profile', {
    app: ['SELECT, INSERT, DELETE', 'UPDATE (role, updated_at, version)'],
    policies: {
      SELECT: 'organization_id = app.org() OR user_id = app.usr()',
      INSERT: `organization_id = app.org() AND user_id IS NULL AND ${roleGuard}`,
      UPDATE: `organization_id = app.org() AND ${roleGuard}`,
      DELETE: `(organization_id = app.org() AND ${roleGuard}) OR user_id = app.usr()`,
    },
    definer: ['SELECT, INSERT', 'UPDATE (user_id, updated_at, version)'],
  }),
  ...protect('identity', 'invitations', {
    app: ['INSERT'],
    policies: { INSERT: 'organization_id = app.org()' },
    definer: ['SELECT, DELETE'],
  }),
  ...protect('identity', 'user_preferences', {
    app: ['SELECT, INSERT, DELETE', 'UPDATE (preference_value, updated_at, version)'],
    policies: { ...own, INSERT: 'user_id = app.usr()' },
  }),
  ...protect('identity', 'llm_api_keys', {
    app: [
      'INSERT, DELETE',
      `SELECT (id, user_id, provider, created_at, updated_at, verified, verification_status, verified_at, last4, version)`,
      'UPDATE (provider, api_key, updated_at, verified, verification_status, verified_at, last4, version)',
    ],
    policies: { ...own, INSERT: 'user_id = app.usr()' },
  }),
  ...protect('identity', 'sessions', {
    app: ['SELECT (id, user_id, revoked_at)', 'UPDATE (revoked_at)'],
    policies: { SELECT: own.SELECT, UPDATE: own.UPDATE },
    definer: ['SELECT (id, user_id, revoked_at)'],
  }),
  ...protect('identity', 'refresh_tokens', {
    app: ['SELECT (session_id, user_id)', 'DELETE'],
    policies: { SELECT: own.SELECT, DELETE: own.DELETE },
  }),
  ...protect('identity', 'signing_keys'),
];

/**
 * The first statement of every request's transaction: finds the caller's profile, sets the settings that the policies
 * read, and returns them. Same form as the other services' (`authorizationCopies`), but over the truth itself.
 * @param answer how it ends: sets what it returns
 */
export const enterFunction = (answer: string): string => `
  CREATE FUNCTION app.enter(p_user uuid, p_session uuid, p_organization uuid, p_module text)
  RETURNS TABLE (profile_id uuid, organization_id uuid, role text, revoked boolean, staleness_ms double precision,
    license text, at timestamptz)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DECLARE
    profile public.user_profile;
    tenant uuid;
    admin boolean;
  BEGIN
    SELECT * INTO profile FROM public.user_profile AS p WHERE p.user_id = p_user;
    admin := coalesce(profile.role = 'platform_admin', false);
    tenant := CASE WHEN admin THEN coalesce(p_organization, profile.organization_id) ELSE profile.organization_id END;
    PERFORM set_config('app.user_id', p_user::text, true),
      set_config('app.organization_id', coalesce(tenant::text, ''), true),
      set_config('app.is_admin', CASE WHEN admin THEN 'on' ELSE 'off' END, true);
    ${answer}
  END $$`;

export const enter = enterFunction(`RETURN QUERY SELECT profile.id, tenant, profile.role,
      NOT EXISTS (SELECT FROM public.sessions AS s
        WHERE s.id = p_session AND s.user_id = p_user AND s.revoked_at IS NULL),
      0::double precision, NULL::text, date_trunc('milliseconds', now());`);

/** Makes an organization and the caller, who has none, its owner. */
const foundOrganization = `
  CREATE FUNCTION app.found_organization(p_id uuid, p_name text, p_profile uuid, p_at timestamptz) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  BEGIN
    INSERT INTO public.organizations (id, name, created_at, updated_at) VALUES (p_id, p_name, p_at, p_at);
    INSERT INTO public.user_profile (id, organization_id, role, created_at, updated_at, user_id, email)
      SELECT p_profile, p_id, 'owner', p_at, p_at, u.id, u.email FROM public.users AS u WHERE u.id = app.usr();
    IF NOT FOUND THEN RAISE EXCEPTION 'the user is gone' USING ERRCODE = 'CL001'; END IF;
  END $$`;

/**
 * Gives the invited profile behind a token to the caller, if its address is the one invited and is confirmed; the token is
 * used up. No row: unknown, used, expired, or for somebody else.
 */
export const acceptInvitation = `
  CREATE FUNCTION app.accept_invitation(p_token_hash bytea, p_at timestamptz) RETURNS SETOF public.user_profile
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DECLARE
    invited uuid;
  BEGIN
    SELECT p.id INTO invited FROM public.invitations AS i
      JOIN public.user_profile AS p ON p.id = i.profile_id
      JOIN public.users AS u ON u.id = app.usr() AND u.email = p.email AND u.email_confirmed_at IS NOT NULL
      WHERE i.token_hash = p_token_hash AND i.expires_at > clock_timestamp() AND p.user_id IS NULL
      FOR UPDATE OF p;
    IF NOT FOUND THEN RETURN; END IF;
    DELETE FROM public.invitations AS i WHERE i.profile_id = invited;
    RETURN QUERY UPDATE public.user_profile AS p SET user_id = app.usr(), updated_at = p_at, version = p.version + 1
      WHERE p.id = invited RETURNING p.*;
  END $$`;

export const functions = [
  enter,
  foundOrganization,
  acceptInvitation,
  ...[
    'app.enter(uuid, uuid, uuid, text)',
    'app.found_organization(uuid, text, uuid, timestamptz)',
    'app.accept_invitation(bytea, timestamptz)',
  ].flatMap((signature) => runAsDefiner('identity', signature)),
];
