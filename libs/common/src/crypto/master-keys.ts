import { readFileSync, statSync } from 'node:fs';

/** What SECRETS_KEY looks like: `<id>:<base64 of 32 bytes>`, several separated by commas. */
export const secretsKeyFormat = /^[\w-]{1,32}:[A-Za-z0-9+/]{43}=(,[\w-]{1,32}:[A-Za-z0-9+/]{43}=)*$/;

/** Milliseconds for which a file counts as unchanged without being looked at. */
const trustFor = 1_000;

/** Master keys by id; the first seals, all open. */
export interface MasterKeys {
  readonly sealingId: string;
  readonly byId: ReadonlyMap<string, Buffer>;
}

/** @param text as in `secretsKeyFormat`; raises an error that names no key when it is not */
export function parseMasterKeys(text: string): MasterKeys {
  if (!secretsKeyFormat.test(text)) throw new Error('the master keys are not <id>:<base64 of 32 bytes>,…');
  const entries = text.split(',').map((entry) => {
    const [id, key] = entry.split(':') as [string, string];
    return [id, Buffer.from(key, 'base64')] as const;
  });
  const byId = new Map(entries);
  if (byId.size < entries.length) throw new Error('two master keys have the same id');
  return { sealingId: entries[0]![0], byId };
}

/** Master keys in a file that is replaced while services run: what it holds now counts, without a restart. */
export class MasterKeyFile {
  private keys: MasterKeys;
  private mark: string;
  private lookedAt = performance.now();

  /**
   * @param onBroken told when the file cannot be read any more; what it held before goes on to count
   * @throws when it cannot be read now
   */
  constructor(
    private readonly path: string,
    private readonly onBroken: (error: unknown) => void = () => undefined,
  ) {
    this.mark = this.markNow();
    this.keys = readMasterKeys(path);
  }

  /** @param mustKnow a key that is wanted: if it is not known, the file is looked at however fresh the last look is */
  current(mustKnow?: string): MasterKeys {
    const isFresh = performance.now() - this.lookedAt < trustFor;
    if (isFresh && (mustKnow === undefined || this.keys.byId.has(mustKnow))) return this.keys;
    this.lookedAt = performance.now();
    try {
      const mark = this.markNow();
      if (mark !== this.mark) this.keys = readMasterKeys(this.path);
      this.mark = mark;
    } catch (error) {
      this.onBroken(error);
    }
    return this.keys;
  }

  private markNow(): string {
    const { ino, mtimeMs, size } = statSync(this.path);
    return `${ino} ${mtimeMs} ${size}`;
  }
}

/** Raises an error that names no key when the file cannot be read or holds something else. */
export const readMasterKeys = (path: string): MasterKeys => parseMasterKeys(readFileSync(path, 'utf8').trim());
