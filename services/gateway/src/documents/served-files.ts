import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';

/** What `npm run build` made to be served: a file for each path, with compressed ones beside it. */
const folder = resolve(import.meta.dirname, '../../../../public');

const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
};

/** Encodings in which a file may be there, the best first → how its name ends then. */
const encodings = [
  ['br', '.br'],
  ['gzip', '.gz'],
  [undefined, ''],
] as const;

/** Pages load nothing from elsewhere, and tell nobody where the reader came from. */
const pageHeaders = (styles: string) => ({
  'content-security-policy':
    `default-src 'none'; script-src 'self'; style-src ${styles}; img-src 'self' data:; connect-src 'self'; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
});

/** Scalar writes its styles into the page itself. */
const stylesOf = (name: string): string => (name === 'docs.html' ? "'self' 'unsafe-inline'" : "'self'");

/** The name of an asset changes with its content; the rest is asked for anew, and mostly found unchanged. */
const cacheControl = (path: string): string =>
  path.startsWith('/docs/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';

interface Representation {
  readonly encoding: string | undefined;
  readonly bytes: Buffer;
  readonly etag: string;
}

interface ServedFile {
  readonly headers: Readonly<Record<string, string>>;
  /** The best first; the last one is not encoded. */
  readonly representations: readonly Representation[];
}

function representation(bytes: Buffer, encoding?: string): Representation {
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  return { encoding, bytes, etag };
}

function read(root: string, name: string): ServedFile {
  const extension = extname(name);
  const headers = {
    'content-type': contentTypes[extension]!,
    'cache-control': cacheControl(`/${name}`),
    ...(extension === '.html' && pageHeaders(stylesOf(name))),
  };
  const there = encodings.filter(([, suffix]) => existsSync(join(root, name + suffix)));
  const representations = there.map(([encoding, suffix]) =>
    representation(readFileSync(join(root, name + suffix)), encoding),
  );
  return { headers, representations };
}

/** Encodings that a client takes, by `accept-encoding` (RFC 9110 §12.5.3); which of them it likes best does not matter. */
function accepted(field = ''): Set<string> {
  const wanted = field
    .toLowerCase()
    .split(',')
    .map((one) => one.split(';').map((part) => part.trim()));
  return new Set(wanted.filter(([, weight]) => !/^q=0(\.0*)?$/.test(weight ?? '')).map(([encoding]) => encoding!));
}

/** By the weak comparison of RFC 9110 §8.8.3.2. */
const isKnown = (field: string | undefined, etag: string): boolean =>
  field?.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, ''))) === true;

/**
 * Documents and pages, each under a path of its own, in memory: what is asked for is looked up and never becomes the name of
 * a file, and a thousand readers take no more memory than one.
 */
export class ServedFiles {
  private readonly files = new Map<string, ServedFile>();

  constructor(root = folder) {
    const names = existsSync(root) ? readdirSync(root, { recursive: true, encoding: 'utf8' }) : [];
    for (const name of names.filter((one) => extname(one) in contentTypes))
      this.files.set(`/${name.replace(/\.html$/, '')}`, read(root, name));
  }

  /** Adds a JSON document that is made while the gateway runs. */
  addJson(path: string, value: unknown): void {
    const headers = { 'content-type': contentTypes['.json']!, 'cache-control': 'no-store' };
    this.files.set(path, { headers, representations: [representation(Buffer.from(JSON.stringify(value)))] });
  }

  /** Answers with the file under a path; false when there is none. */
  send(path: string, { headers: asked }: FastifyRequest, reply: FastifyReply): boolean {
    const file = this.files.get(path);
    if (!file) return false;
    const takes = accepted(asked['accept-encoding']);
    const { encoding, bytes, etag } = file.representations.find((one) => !one.encoding || takes.has(one.encoding))!;
    const vary = [reply.raw.getHeader('vary'), 'accept-encoding'].filter(Boolean).join(', ');
    reply.headers({ ...file.headers, etag, vary });
    if (isKnown(asked['if-none-match'], etag)) {
      reply.status(304).removeHeader('content-type').send();
      return true;
    }
    if (encoding) reply.header('content-encoding', encoding);
    reply.send(bytes);
    return true;
  }
}
