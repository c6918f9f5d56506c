import { letterboxes, migration } from '#common/database/index';
import { enter, enterFunction } from './1795341600000-walls.js';

const replacing = (text: string): string => text.replace('CREATE FUNCTION', 'CREATE OR REPLACE FUNCTION');

/** Nobody enters by a session that has ended. */
const enterAlive = enterFunction(`revoked := NOT EXISTS (SELECT FROM public.sessions AS s
      WHERE s.id = p_session AND s.user_id = p_user AND s.revoked_at IS NULL);
    IF revoked THEN
      PERFORM set_config('app.user_id', '', true), set_config('app.organization_id', '', true),
        set_config('app.is_admin', 'off', true);
    END IF;
    profile_id := profile.id;
    organization_id := tenant;
    role := profile.role;
    staleness_ms := 0;
    at := date_trunc('milliseconds', now());
    RETURN NEXT;`);

/** Whoever founds or joins an organization has entered without it. */
const { up, down } = letterboxes(
  'organization_id = (SELECT p.organization_id FROM user_profile AS p WHERE p.user_id = app.usr())',
);

/** What had only the first wall before it. */
export const SecondWall1796070000000 = migration('SecondWall1796070000000', {
  up: [replacing(enterAlive), ...up],
  down: [...down, replacing(enter)],
});
