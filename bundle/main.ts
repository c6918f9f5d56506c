import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';

/**
 * A service imports some 1,700 files of packages, and finding, reading and compiling each is most of its start. This brings
 * the packages that the compiled code imports together in a few files under `dist/packages`, and lets the code import them
 * from there. Without it everything works as well, only slower: `dist` as the compiler wrote it imports `node_modules`.
 */
const dist = resolve('dist');
const target = join(dist, 'packages');
const entries = join(target, 'entries');

/** Add-ons in machine code; and what has to be there before anything else, in whatever order the others come. */
const external = ['@node-rs/argon2', '@node-rs/bcrypt', 'reflect-metadata'];

const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string> };

/** An import of a package, as the compiler wrote it or as it was left here: the compiler writes only what has changed. */
const importing = /(^import |\bfrom |\bimport\()'(#packages\/)?((?:@[\w.-]+\/)?[\w.-]+)((?:\/[\w./-]+)?)'/gm;

const isBundled = (name: string): boolean => Object.hasOwn(dependencies, name) && !external.includes(name);

/** What the compiler wrote; of a source that is gone it leaves what it wrote once, which is removed here. */
function* compiledFiles(): Generator<string> {
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.js') || /^(packages|public)\//.test(file)) continue;
    const path = join(dist, file);
    if (existsSync(file.replace(/js$/, 'ts'))) yield path;
    else for (const gone of [path, `${path}.map`]) rmSync(gone, { force: true });
  }
}

/** What the compiled code imports of the packages. */
function importedSpecifiers(files: ReadonlyMap<string, string>): string[] {
  const found = new Set<string>();
  for (const text of files.values()) {
    for (const [, , ready, name, path] of text.matchAll(importing)) {
      const specifier = `${name}${path}`;
      if (ready !== undefined) found.add(specifier.replace(/\.mjs$/, ''));
      else if (isBundled(name!)) found.add(specifier);
    }
  }
  return [...found].toSorted();
}

/** An entry names each export: of a CommonJS package, nothing else tells the bundler what they are. */
async function writeEntry(specifier: string): Promise<string> {
  const names = Object.keys((await import(specifier)) as object).filter(
    (name) => !['module.exports', '__esModule'].includes(name),
  );
  const path = join(entries, `${encodeURIComponent(specifier)}.mjs`);
  writeFileSync(path, `export { ${names.join(', ')} } from '${specifier}';\n`);
  return path;
}

/** What CommonJS takes for given. */
const preamble = `import 'reflect-metadata';
import { createRequire as requireOf } from 'node:module';
const require = requireOf(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;`;

async function bundle(specifiers: readonly string[]): Promise<void> {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(entries, { recursive: true });
  const written = await Promise.all(
    specifiers.map(async (specifier) => [specifier, await writeEntry(specifier)] as const),
  );
  const input = Object.fromEntries(written);
  // Drivers of other databases and the like are not installed; they are looked for when they are needed, and missed only then.
  const packages = await rolldown({ input, platform: 'node', external, logLevel: 'silent' });
  await packages.write({
    dir: target,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: 'shared-[hash].js',
    strictExecutionOrder: true,
    banner: preamble,
    comments: false,
  });
  await packages.close();
  rmSync(entries, { recursive: true });
}

function importBundles(files: ReadonlyMap<string, string>): void {
  for (const [file, text] of files) {
    const imports = text.replaceAll(
      importing,
      (found, keyword: string, ready: string | undefined, name: string, path: string) =>
        ready === undefined && isBundled(name) ? `${keyword}'#packages/${name}${path}.mjs'` : found,
    );
    if (imports !== text) writeFileSync(file, imports);
  }
}

/** Packages, what is used of them, and how they are brought together: while these stay, so do the bundles. */
const keyOf = (specifiers: readonly string[]): string =>
  createHash('sha256')
    .update(readFileSync('package-lock.json'))
    .update(readFileSync(new URL(import.meta.url)))
    .update(specifiers.join())
    .digest('hex');

const files = new Map([...compiledFiles()].map((file) => [file, readFileSync(file, 'utf8')]));
const specifiers = importedSpecifiers(files);
const keyFile = join(target, 'key');
const key = keyOf(specifiers);
if (!existsSync(keyFile) || readFileSync(keyFile, 'utf8') !== key) {
  await bundle(specifiers);
  writeFileSync(keyFile, key);
}
importBundles(files);
