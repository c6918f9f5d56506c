import { escapeHtml as escaped } from '../services/identity/src/mail/letter.js';

/** A mail that would have been sent. */
export interface CaughtMail {
  readonly id: string;
  readonly caughtAt: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
}

const style = `body{font:15px/1.5 sans-serif;color:#222;max-width:60em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.4em .8em .4em 0;border-bottom:1px solid #ddd}
iframe{width:100%;height:28em;border:1px solid #ccc}pre{background:#f4f4f4;padding:1em;white-space:pre-wrap;overflow-wrap:anywhere}`;

const page = (title: string, body: string, head = ''): string => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escaped(title)}</title>${head}<style>${style}</style></head>
<body>
${body}
</body>
</html>
`;

const time = (mail: CaughtMail): string => escaped(mail.caughtAt.slice(0, 19).replace('T', ' '));

/** All mails, the newest first; looks again by itself. */
export function listPage(mails: readonly CaughtMail[]): string {
  const rows = mails.map(
    (mail) =>
      `<tr><td>${time(mail)}</td><td>${escaped(mail.to.join(', '))}</td><td><a href="/view/${mail.id}">${escaped(mail.subject)}</a></td></tr>`,
  );
  const table = `<table><tr><th>Caught (UTC)</th><th>To</th><th>Subject</th></tr>\n${rows.join('\n')}\n</table>`;
  const body = rows.length > 0 ? table : '<p>No mail yet.</p>';
  return page('Caught mail', `<h1>Caught mail</h1>\n${body}`, '<meta http-equiv="refresh" content="5">');
}

/** One mail: its HTML in a frame without rights, and its text. */
export function mailPage(mail: CaughtMail): string {
  const frame =
    mail.html === null
      ? ''
      : `<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" src="/mails/${mail.id}/html" title="HTML"></iframe>`;
  return page(
    mail.subject,
    `<p><a href="/">All mail</a></p>
<h1>${escaped(mail.subject)}</h1>
<p>${time(mail)} UTC, from ${escaped(mail.from)} to ${escaped(mail.to.join(', '))}</p>
${frame}
<pre>${escaped(mail.text)}</pre>`,
  );
}
