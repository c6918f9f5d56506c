import { Marked } from 'marked';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { escaped, type Html, type Link } from './html.js';

export interface Guide {
  /** Empty for the page that lists the guides. */
  readonly name: string;
  readonly title: string;
  readonly body: Html;
}

const guidesFolder = resolve('docs', 'guides');

export const guidePath = (name: string): string => (name === '' ? '/docs/guides' : `/docs/guides/${name}`);

const slug = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');

/** Links between guides are those of their files, so that they hold in the repository, too. */
function served(href: string): string {
  const [, file, rest] = /^([a-z0-9-]+|README)\.md(#.*)?$/.exec(href) ?? [];
  return file === undefined ? href : guidePath(file === 'README' ? '' : file) + (rest ?? '');
}

const markdown = new Marked({
  renderer: {
    heading({ tokens, depth, text }) {
      return `<h${depth} id="${slug(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
    },
    link({ href, tokens }) {
      return `<a href="${escaped(served(href))}">${this.parser.parseInline(tokens)}</a>`;
    },
  },
});

function render(name: string, text: string): Guide {
  const title = /^# (.+)$/m.exec(text)?.[1];
  if (title === undefined) throw new Error(`docs/guides/${name || 'README'}.md has no title`);
  return { name, title, body: markdown.parse(text, { async: false }) };
}

/** All guides, in the order in which the list names them; those that it does not name come last. */
export function readGuides(folder = guidesFolder): Guide[] {
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8');
  const list = read('README.md');
  const names = readdirSync(folder)
    .filter((file) => file.endsWith('.md') && file !== 'README.md')
    .map((file) => file.slice(0, -'.md'.length));
  const rank = (name: string): number => (list.indexOf(`(${name}.md)`) + list.length + 1) % (list.length + 1);
  const guides = names.sort((a, b) => rank(a) - rank(b)).map((name) => render(name, read(`${name}.md`)));
  return [render('', list), ...guides];
}

export const guideLinks = (guides: readonly Guide[]): Link[] =>
  guides.map(({ name, title }) => ({ title, href: guidePath(name) }));
