import type { Broker } from '../events/broker.js';

/** How an owner is asked whether it has something: the field of the question, and that of the answer, null for nothing. */
interface Existence {
  readonly subject: string;
  readonly key: string;
  readonly answer: string;
}

export const organizationAtIdentity: Existence = {
  subject: 'identity.ask.organization',
  key: 'organizationId',
  answer: 'organization',
};
export const userAtIdentity: Existence = { subject: 'identity.ask.access', key: 'userId', answer: 'user' };

/**
 * Of things that a copy calls deleted, those that their owner says it does not have. For effects that destroy: a row buried
 * by mistake comes back with a later page, what was deleted because of it does not. Raises 503 when the owner is out of reach.
 */
export async function onlyGone(
  broker: Broker,
  { subject, key, answer }: Existence,
  found: readonly { readonly id: string }[],
): Promise<string[]> {
  const gone: string[] = [];
  for (const { id } of found) {
    const told = await broker.ask<Readonly<Record<string, unknown>>>(subject, { [key]: id });
    if (told[answer] === null) gone.push(id);
  }
  return gone;
}
