/** What REDIRECT_URLS looks like: scheme, host without `**`, and anything after it; several separated by commas. */
export const redirectUrlsFormat =
  /^[a-z][a-z\d+.-]*:\/\/(?:[^\s,/?#@*]|\*(?!\*))*(?:[/?][^\s,#]*)?(?:,[a-z][a-z\d+.-]*:\/\/(?:[^\s,/?#@*]|\*(?!\*))*(?:[/?][^\s,#]*)?)*$/i;

/** `*` matches within one part of a host or path, `**` across parts. */
const wildcards: Readonly<Record<string, string>> = { '**': '.*', '*': '[^./?#:@]*' };

const patternOf = (allowed: string): RegExp =>
  new RegExp(
    `^${allowed
      .split(/(\*\*|\*)/)
      .map((part) => wildcards[part] ?? part.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`))
      .join('')}$`,
  );

/** The patterns of a comma-separated list. */
export const patternsOf = (list: string): RegExp[] => list.split(',').map(patternOf);
