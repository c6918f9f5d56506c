import { get } from 'node:http';

/** What a container's health check runs: exit code 0 when the process beside it says that it is ready, and what it says. */
const { SERVICE_PORT: port } = process.env;
const request = get({ host: '127.0.0.1', port, path: '/health/ready', timeout: 4_000 }, (answer) => {
  process.exitCode = answer.statusCode === 200 ? 0 : 1;
  answer.pipe(process.stdout);
});
request.on('timeout', () => request.destroy(new Error('no answer')));
request.on('error', ({ message }) => {
  process.exitCode = 1;
  process.stdout.write(message);
});
