import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = resolve('docs', 'guides');
const guide = (name: string) => readFileSync(join(folder, name), 'utf8');
const guides = readdirSync(folder).filter((name) => name.endsWith('.md'));

/** The sources of what ships. */
function sources(): string {
  const files = ['libs/common/src', 'services'].flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => join(root, name)),
  );
  const shipped = files.filter((name) => name.endsWith('.ts') && !/\/test(ing)?\/|\.spec\.ts$/.test(name));
  return shipped.map((name) => readFileSync(name, 'utf8')).join('\n');
}

describe('the guides', () => {
  it('show the programs that the journey runs', () => {
    const shown = [...guide('events.md').matchAll(/^```ts (\S+)\n([\s\S]*?)^```$/gm)];
    expect(shown.map(([, name]) => name).sort()).toEqual(readdirSync(join(folder, 'examples')).sort());
    for (const [, name, code] of shown) expect(code).toBe(readFileSync(join(folder, 'examples', name!), 'utf8'));
  });

  it('are all named in their list, and link to guides that there are', () => {
    const linked = guides.flatMap((name) => [...guide(name).matchAll(/\]\(([a-z-]+\.md)\)/g)].map(([, to]) => to!));
    expect(linked.filter((name) => !guides.includes(name))).toEqual([]);
    const listed = [...guide('README.md').matchAll(/\]\(([a-z-]+\.md)\)/g)].map(([, to]) => to!);
    expect(['README.md', ...listed].sort()).toEqual([...guides].sort());
  });

  it('say what to do about each error', () => {
    const text = sources();
    const raised = new Set([...text.matchAll(/new Problem\(\s*\d{3},\s*'(\w+)'/g)].map(([, code]) => code!));
    const explained = [...guide('errors.md').matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell]) =>
      [...cell!.matchAll(/`(\w+)`/g)].map(([, code]) => code!),
    );
    expect([...raised].filter((code) => !explained.includes(code))).toEqual([]);
    expect(explained.filter((code) => !text.includes(`'${code}'`) && !code.startsWith('license_'))).toEqual([]);
    expect(new Set(explained).size).toBe(explained.length);
  });
});
