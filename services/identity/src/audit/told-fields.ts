import { topology } from '#common/contracts/index';
import type { ReceivedEvent } from '#common/events/index';

/** Whose acts are recorded from their events; identity's own are recorded where they are done. */
const recordedSources = ['licensing', 'crm', 'conversations'] as const;

export const recordedTypes = recordedSources.flatMap((source) => topology[source].types);

/**
 * Fields of an event's data that its entry shows, by the first word of the type. Of what is a user's own, and of a customer
 * as a person, an entry tells only that it was changed: admins may read the log, not everything that it speaks of.
 */
const shown: Readonly<Record<string, readonly string[]>> = {
  license: ['expirationDate', 'suspended', 'revoked', 'modules'],
  module: ['code', 'name'],
  customer: ['linkType', 'organizationId', 'userId'],
  conversation: [],
  message: [],
  function: [],
};

/** What an entry shows of an event, as JSON text. */
export function detailOf({ type }: ReceivedEvent, data: Readonly<Record<string, unknown>>): string {
  const fields = shown[type.split('.', 1)[0]!] ?? [];
  return JSON.stringify(
    Object.fromEntries(fields.filter((name) => data[name] !== undefined).map((name) => [name, data[name]])),
  );
}
