import type { Kind } from './kinds.js';
import { markOf, type World } from './world.js';

/** Kinds of callers who may see nothing of A. */
export const outsiders: ReadonlySet<Kind> = new Set(['none', 'expired', 'foreign', 'ended', 'outsider', 'stranger']);

/** What the organization A may know, and nobody else but the platform admin. */
function kept({ a }: World): string[] {
  const people = Object.values(a.people);
  return [
    markOf('a', 'kept'),
    a.organizationId,
    a.license.licenseKey,
    a.customerId,
    ...Object.values(a.contacts),
    ...people.flatMap(({ id, email, profileId }) => [id, email, profileId]),
  ];
}

/** What only the member of A may know. */
const own = ({ a }: World): string[] => [markOf('a', 'private'), ...Object.values(a.own)];

/** What only the member of A and the platform admin may know. */
const account = ({ a }: World): string[] => [markOf('a', 'account'), ...Object.values(a.account)];

interface Hearing {
  readonly world: World;
  readonly kind: Kind;
  /** What the caller has said already: that comes back in paths and problems. */
  readonly said: string;
}

/** What somebody was told of A that is not theirs to know. */
export function leaksIn(told: string, { world, kind, said }: Hearing): string[] {
  const secrets = [
    ...(outsiders.has(kind) ? kept(world) : []),
    ...(kind === 'member' ? [] : own(world)),
    ...(kind === 'member' || kind === 'platform' ? [] : account(world)),
  ];
  const [heard, known] = [told.toLowerCase(), said.toLowerCase()];
  return secrets
    .map((secret) => secret.toLowerCase())
    .filter((secret) => heard.includes(secret) && !known.includes(secret));
}
