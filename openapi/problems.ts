import { STATUS_CODES } from 'node:http';
import { sources } from './comments.js';

export interface KnownProblem {
  readonly status: number;
  readonly code: string;
  /** As a person reads it; what differs from case to case is left out. */
  readonly detail: string;
}

const raised = /new Problem\(\s*(\d{3}),\s*'(\w+)',\s*(?:'([^']*)'|`([^`]*)`)?/g;

/** Those whose status or code is put together at run time. */
const composed: readonly KnownProblem[] = [
  ...['required', 'expired', 'suspended', 'revoked'].map((state) => ({
    status: 403,
    code: `license_${state}`,
    detail: 'No license of the organization grants the module at this moment; reading still works.',
  })),
  ...[401, 403, 422].map((status) => ({
    status,
    code: 'insufficient_aal',
    detail: 'AAL2 session is required to do this.',
  })),
  { status: 415, code: 'unsupported_media_type', detail: 'Unsupported Media Type' },
  { status: 414, code: 'uri_too_long', detail: 'URI Too Long' },
];

/** Every problem that the sources raise. */
export class Problems {
  private readonly known: readonly KnownProblem[];
  private readonly used = new Set<string>();

  constructor(files: Iterable<string> = sources().values()) {
    const found = [...files].flatMap((file) =>
      [...file.matchAll(raised)].map(([, status, code, plain, template]) => ({
        status: Number(status),
        code: code!,
        detail: plain ?? template?.replaceAll(/\$\{[^}]*\}/g, '…') ?? STATUS_CODES[Number(status)]!,
      })),
    );
    this.known = [...composed, ...found];
  }

  /** The problems with a code; with several statuses unless `wanted` is such as `422 insufficient_aal`. */
  named(wanted: string): KnownProblem[] {
    const [code, status] = wanted.split(' ').toReversed() as [string, string?];
    const byStatus = new Map<number, KnownProblem>();
    for (const problem of this.known) {
      const fits = problem.code === code && (status === undefined || problem.status === Number(status));
      if (fits && !byStatus.has(problem.status)) byStatus.set(problem.status, problem);
    }
    if (byStatus.size === 0) throw new Error(`no source raises the problem '${wanted}'`);
    for (const found of byStatus.keys()) this.used.add(`${found} ${code}`);
    return [...byStatus.values()];
  }

  /** Status and code of what is raised, and was never asked for. */
  unused(): string[] {
    const all = this.known.map(({ status, code }) => `${status} ${code}`);
    return [...new Set(all)].filter((one) => !this.used.has(one)).sort();
  }
}
