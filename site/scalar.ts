import scalar from '@scalar/fastify-api-reference';
import Fastify from 'fastify';

/**
 * Scalar's API reference, as one script for browsers. Taken from where its Fastify plugin serves it: the package that the
 * script is built in brings 270 others along.
 */
export async function scalarScript(): Promise<Buffer> {
  const fastify = Fastify();
  await fastify.register(scalar, { routePrefix: '/scalar', configuration: { url: '/openapi.json' } });
  const { statusCode, rawPayload } = await fastify.inject('/scalar/js/scalar.js');
  if (statusCode !== 200) throw new Error(`Scalar's script is not where it was: ${statusCode}`);
  return rawPayload;
}
