/** What a mail says, before it has a form. */
export interface Letter {
  readonly subject: string;
  readonly lines: readonly string[];
  /** What to do, and the URL that does it. */
  readonly action?: { readonly label: string; readonly url: string };
  /** Digits to type in. */
  readonly code?: string;
  /** What to do if nobody asked for this. */
  readonly closing: string;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character]!);

/** Characters that somebody's words may have in a letter. */
const quotationLimit = 100;

/** Somebody's words within a letter: on one line, without control characters, and not endless. */
export function quoted(words: string): string {
  const line = words.replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  const characters = [...line];
  return characters.length > quotationLimit ? `${characters.slice(0, quotationLimit).join('')}…` : line;
}

/** A letter as a mail in both of its forms. */
export function compose({ subject, lines, action, code, closing }: Letter) {
  const text = [
    ...lines,
    ...(action ? [`${action.label}:\n${action.url}`] : []),
    ...(code === undefined ? [] : [`Your code: ${code}`]),
    closing,
  ].join('\n\n');
  const paragraphs = [
    ...lines.map((line) => `<p>${escapeHtml(line)}</p>`),
    ...(action ? [button(action)] : []),
    ...(code === undefined ? [] : [`<p>Your code:</p><p style="${codeStyle}">${escapeHtml(code)}</p>`]),
    `<p style="color:#666">${escapeHtml(closing)}</p>`,
  ].join('\n');
  return { subject, text: `${text}\n`, html: page(subject, paragraphs) };
}

const codeStyle = 'font:bold 28px monospace;letter-spacing:4px';
const buttonStyle =
  'display:inline-block;padding:12px 20px;border-radius:6px;background:#1f4fd8;color:#fff;text-decoration:none';

const button = ({ label, url }: NonNullable<Letter['action']>): string =>
  `<p><a href="${escapeHtml(url)}" style="${buttonStyle}">${escapeHtml(label)}</a></p>`;

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escapeHtml(title)}</title></head>
<body style="font:16px/1.5 sans-serif;color:#222;max-width:32em;margin:2em auto;padding:0 1em">
<h1 style="font-size:22px">${escapeHtml(title)}</h1>
${body}
</body>
</html>
`;
