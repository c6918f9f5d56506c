import { connect } from '@nats-io/transport-node';

const { NATS_URL, NATS_USER, NATS_PASSWORD } = process.env;

const connection = await connect({
  servers: NATS_URL,
  user: NATS_USER,
  pass: NATS_PASSWORD,
  inboxPrefix: `_INBOX_${NATS_USER}`,
});
const subscription = connection.subscribe('license.*');
await connection.flush();
console.log('listening');

for await (const message of subscription) {
  const data = message.json<{ licenseId: string }>();
  console.log(message.subject, message.headers?.get('ce-id'), data.licenseId);
}
