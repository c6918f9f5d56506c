import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

const { NATS_URL, NATS_USER, NATS_PASSWORD } = process.env;

/** Ids of what was done already: of the last events in memory here, in a table with a unique key where it matters. */
const done = new Set<string>();

const connection = await connect({
  servers: NATS_URL,
  user: NATS_USER,
  pass: NATS_PASSWORD,
  inboxPrefix: `_INBOX_${NATS_USER}`,
});
const consumer = await jetstream(connection, { checkAPI: false }).consumers.get('LICENSING', 'subscriber');
console.log('listening');

for await (const message of await consumer.consume()) {
  const id = message.headers!.get('ce-id');
  if (message.subject === 'license.expired' && !done.has(id)) {
    const data = message.json<{ licenseId: string }>();
    console.log(message.subject, id, data.licenseId);
    done.add(id);
  }
  message.ack();
}
