import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

/**
 * An OpenID Connect provider in a process of its own. Anybody signs in by any login, which is the subject and, without its
 * prefix, the address; `unverified:` in front makes it one that nobody has verified.
 */
const [client_id, client_secret, callback, tellsInToken] = process.argv.slice(2) as [string, string, string, string];

const server = createServer();
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const provider = new Provider(issuer, {
  clients: [{ client_id, client_secret, redirect_uris: [callback] }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: tellsInToken !== 'tells-in-token',
  cookies: { keys: ['a test'] },
  findAccount: (_context, sub) => ({
    accountId: sub,
    claims: () => ({
      sub,
      email: sub.replace('unverified:', ''),
      email_verified: !sub.startsWith('unverified:'),
      name: `Name of ${sub}`,
    }),
  }),
});
server.on('request', provider.callback());
process.on('disconnect', () => process.exit(0));
process.send!(issuer);
