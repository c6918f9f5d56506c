import type { RouteOf } from './table.js';

const line = /^((?:│ {3}| {4})*)[├└]── (\S+)(?: \((.+)\))?$/;

/** A route whose parameters have no names: a router that shares a place between two of them keeps neither's. */
export const nameless = (route: string): string => route.replace(/:[^/]+/g, ':');

/** Pages for people: files, the same for everybody. */
const isPage = (path: string): boolean => path === '/docs' || path === '/docs/*';

/** The routes of a running application, out of what Fastify prints of its router. HEAD comes with every GET. */
export function runningRoutes(application: string, printed: string): RouteOf[] {
  const prefixes: string[] = [];
  return printed.split('\n').flatMap((text) => {
    const [, indent, part, methods] = line.exec(text) ?? [];
    if (indent === undefined) return [];
    const depth = indent.length / 4;
    const segments = `${depth > 0 ? prefixes[depth - 1] : ''}/${part}`.split('/').filter(Boolean);
    prefixes[depth] = `/${segments.join('/')}`;
    if (isPage(prefixes[depth])) return [];
    const own = (methods ?? '').split(', ').filter((method) => method !== '' && method !== 'HEAD');
    return own.map((method) => ({ application, route: nameless(`${method} ${prefixes[depth]}`) }));
  });
}
