import type { ReceivedEvent } from './envelope.js';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Whose requests cannot be decided on while an event is parked: the user's of an event about a user, profile or session,
 * the organization's of an event about a license; null for events that authorize nobody.
 */
export function doubtsOf({ source, type, aggregateId, organizationId, data }: ReceivedEvent): string | null {
  if (source === 'licensing') return type.startsWith('license.') ? organizationId : null;
  if (source !== 'identity') return null;
  if (type.startsWith('user.')) return aggregateId;
  if (!type.startsWith('profile.') && !type.startsWith('session.')) return null;
  const { userId } = (JSON.parse(data) ?? {}) as { userId?: unknown };
  return typeof userId === 'string' && uuid.test(userId) ? userId : null;
}
