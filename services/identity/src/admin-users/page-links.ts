/** The header Link (RFC 8288) of a page by number; `page` comes first in the query, where Supabase's client looks for it. */
export function pageLinks(path: string, page: number, perPage: number, total: number): string {
  const last = Math.ceil(total / perPage);
  const link = (to: number, rel: string): string => `<${path}?page=${to}&per_page=${perPage}>; rel="${rel}"`;
  return [...(page < last ? [link(page + 1, 'next')] : []), link(last, 'last')].join(', ');
}
