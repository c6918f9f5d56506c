import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { eventsPage } from './events-page.js';
import { guideLinks, guidePath, readGuides } from './guides.js';
import { page, type Page } from './html.js';
import { signInForm } from './sign-in-form.js';

/** What the gateway serves, as it serves it: a file for each path. */
const target = resolve('dist', 'public');
const assets = join(target, 'docs', 'assets');

/** Level 9 of brotli takes a tenth of the time of level 11, for a tenth more bytes. */
const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };

/** Writes a file, and beside it what it is when compressed, where that is less. */
function write(path: string, content: string | Buffer): void {
  const bytes = Buffer.from(content);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  for (const [suffix, packed] of [
    ['.br', brotliCompressSync(bytes, brotli)],
    ['.gz', gzipSync(bytes, { level: 9 })],
  ] as const) {
    if (packed.length < bytes.length) writeFileSync(path + suffix, packed);
  }
}

/** Writes a file under a name that changes with its content; answers its path on the gateway. */
function writeAsset(name: string, extension: string, content: string | Buffer): string {
  const hash = createHash('sha256').update(content).digest('base64url').slice(0, 10);
  const file = `${name}.${hash}.${extension}`;
  if (!existsSync(join(assets, file))) write(join(assets, file), content);
  return `/docs/assets/${file}`;
}

/** Compressing Scalar's script takes seconds, so the one of this version stays when it is there. */
async function writeScalar(): Promise<string> {
  const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const name = `scalar-${devDependencies['@scalar/fastify-api-reference']}`;
  const there = existsSync(assets) ? readdirSync(assets) : [];
  const known = there.find((file) => file.startsWith(`${name}.`) && file.endsWith('.js'));
  if (known !== undefined) return `/docs/assets/${known}`;
  const { scalarScript } = await import('./scalar.js');
  return writeAsset(name, 'js', await scalarScript());
}

const source = (name: string): string => readFileSync(resolve('site', 'assets', name), 'utf8');

async function build(): Promise<void> {
  const scripts = [await writeScalar(), writeAsset('reference', 'js', source('reference.js'))];
  const stylesheet = writeAsset('docs', 'css', source('docs.css'));
  const guides = readGuides();
  const pages: Page[] = [
    { title: 'API', path: '/docs', body: '<div id="reference"></div>', scripts, bar: signInForm },
    { title: 'Events', path: '/docs/events', ...eventsPage(join('docs', 'asyncapi.json')) },
    ...guides.map(({ name, title, body }) => ({ title, path: guidePath(name), body, contents: guideLinks(guides) })),
  ];
  for (const one of pages) write(join(target, `${one.path}.html`), page(one, stylesheet));
  for (const name of readdirSync('docs').filter((file) => file.endsWith('.json')))
    write(join(target, name), JSON.stringify(JSON.parse(readFileSync(join('docs', name), 'utf8'))));
  discardBut([...scripts, stylesheet]);
}

/** Takes away what earlier builds left. */
function discardBut(paths: readonly string[]): void {
  const kept = paths.map((path) => path.slice('/docs/assets/'.length));
  for (const file of readdirSync(assets)) if (!kept.some((name) => file.startsWith(name))) rmSync(join(assets, file));
}

await build();
