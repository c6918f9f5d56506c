/** A piece of HTML, as opposed to text. */
export type Html = string & { readonly brand?: 'html' };

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export const escaped = (text: string): Html => text.replaceAll(/[&<>"]/g, (character) => entities[character]!);

/** Text in which `…` marks code, as descriptions have it. */
export const prose = (text: string): Html => escaped(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');

export interface Link {
  readonly title: string;
  readonly href: string;
  /** Stands above those that follow. */
  readonly isHead?: boolean;
}

export interface Page {
  readonly title: string;
  /** Its own path. */
  readonly path: string;
  readonly body: Html;
  /** What the page holds, for the column beside it. */
  readonly contents?: readonly Link[];
  /** Paths of scripts, in order. */
  readonly scripts?: readonly string[];
  /** Stands at the end of the bar on top. */
  readonly bar?: Html;
}

const places: readonly Link[] = [
  { title: 'API', href: '/docs' },
  { title: 'Events', href: '/docs/events' },
  { title: 'Guides', href: '/docs/guides' },
];

const link = ({ title, href, isHead = false }: Link, isCurrent = false): Html =>
  `<a href="${escaped(href)}"${isHead ? ' class="head"' : ''}${isCurrent ? ' aria-current="page"' : ''}>${escaped(title)}</a>`;

const isWithin = (path: string, href: string): boolean =>
  path === href || (href !== '/docs' && path.startsWith(`${href}/`));

/** A whole page: the bar on top, and what the page is about. */
export function page({ title, path, body, contents, scripts = [], bar = '' }: Page, stylesheet: string): Html {
  const nav = places.map((place) => link(place, isWithin(path, place.href))).join('');
  const aside = contents
    ? `<nav class="contents">${contents.map((one) => link(one, one.href === path)).join('')}</nav>`
    : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)} · Clarity</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${stylesheet}">
${scripts.map((script) => `<script src="${script}" defer></script>`).join('\n')}
</head>
<body>
<header class="bar"><a class="brand" href="/docs">Clarity</a><nav>${nav}</nav>${bar}</header>
${contents ? `<div class="columns">${aside}<main class="text">${body}</main></div>` : body}
</body>
</html>
`;
}
