import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { parseMasterKeys } from '#common/crypto/index';
import { DataFolder } from './data-folder.js';
import { writePrivately } from './private-file.js';
import { messageOf, StackError } from './stack-error.js';

/** A fresh master key under an id. */
export const newMasterKey = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

const idOf = (entry: string): string => entry.split(':', 1)[0]!;

/** Where the master keys of an installation stand: with the operator, who alone changes them, or in the stack's own file. */
export class MasterKeySource {
  private constructor(
    /** As in SECRETS_KEY. */
    public text: string,
    private readonly file: string | undefined,
  ) {}

  /**
   * What SECRETS_KEY or SECRETS_KEY_FILE says; without either, the file of the local stack.
   * @throws StackError, which shows no key
   */
  static open({ SECRETS_KEY, SECRETS_KEY_FILE }: NodeJS.ProcessEnv, folder: DataFolder): MasterKeySource {
    if (SECRETS_KEY && SECRETS_KEY_FILE) throw new StackError('SECRETS_KEY and SECRETS_KEY_FILE exclude each other.');
    if (SECRETS_KEY) return new MasterKeySource(checked(SECRETS_KEY, 'SECRETS_KEY'), undefined);
    const own = folder.of('secretsKey');
    const file = SECRETS_KEY_FILE ?? own;
    if (!existsSync(file)) {
      const missing = SECRETS_KEY_FILE ? `There is no ${file}` : `Clarity has not been started on ${folder.shown} yet`;
      throw new StackError(`${missing}: set SECRETS_KEY or SECRETS_KEY_FILE.`);
    }
    const text = checked(readFileSync(file, 'utf8').trim(), file);
    return new MasterKeySource(text, SECRETS_KEY_FILE ? undefined : own);
  }

  /** Whether the keys may be changed here. */
  get isOurs(): boolean {
    return this.file !== undefined;
  }

  /** Ids of the keys, the one that seals first. */
  get ids(): readonly string[] {
    return this.text.split(',').map(idOf);
  }

  /** Puts a new key before the others; its id. */
  async add(): Promise<string> {
    const number = Math.max(0, ...this.ids.map((id) => Number(/^k(\d+)$/.exec(id)?.[1] ?? 0))) + 1;
    await this.write([newMasterKey(`k${number}`), ...this.text.split(',')]);
    return `k${number}`;
  }

  /** Takes keys away for good. */
  drop(ids: readonly string[]): Promise<void> {
    return this.write(this.text.split(',').filter((entry) => !ids.includes(idOf(entry))));
  }

  private async write(entries: readonly string[]): Promise<void> {
    this.text = entries.join(',');
    await writePrivately(this.file!, `${this.text}\n`);
  }
}

function checked(text: string, where: string): string {
  try {
    parseMasterKeys(text);
    return text;
  } catch (error) {
    throw new StackError(`${where} cannot be used: ${messageOf(error)}.`);
  }
}
