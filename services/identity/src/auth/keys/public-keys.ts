import type { JSONWebKeySet, JWK } from 'jose';
import type { SystemUnitOfWork } from '#common/database/index';
import { unavailable } from '#common/http/index';

/** The public keys of access tokens (RFC 7517); without one 503, as none can have been signed. */
export async function readPublicKeys(system: SystemUnitOfWork): Promise<JSONWebKeySet> {
  const rows = await system.read<{ id: string; public_key: JWK }>({
    text: `SELECT id, public_key FROM signing_keys ORDER BY created_at DESC, id`,
  });
  if (rows.length === 0) throw unavailable('The signing key');
  return {
    keys: rows.map(({ id, public_key: { kty, crv, x, y } }) => ({
      kid: id,
      kty: kty!,
      crv: crv!,
      x: x!,
      y: y!,
      alg: 'ES256',
      use: 'sig',
      key_ops: ['verify'],
    })),
  };
}
