import { createLocalJWKSet, errors, type JSONWebKeySet, type JWK, type JWTVerifyGetKey } from 'jose';
import type { SystemUnitOfWork } from '#common/database/index';
import { unavailable } from '#common/http/index';

/** Milliseconds between two readings of the keys for the sake of an unknown `kid`. */
const cooldown = 5_000;

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

/** Finds the key of a token in the own database, remembering what was read. */
export function publicKeysOf(system: SystemUnitOfWork): JWTVerifyGetKey {
  let known: JWTVerifyGetKey | undefined;
  let readAt = 0;
  return async (header, token) => {
    if (known) {
      try {
        return await known(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || performance.now() - readAt < cooldown) throw error;
      }
    }
    known = createLocalJWKSet(await readPublicKeys(system));
    readAt = performance.now();
    return known(header, token);
  };
}
