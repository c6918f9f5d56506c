import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { MasterKeyFile, type MasterKeys, parseMasterKeys } from './master-keys.js';

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Seals texts for storage with AES-256-GCM and a random nonce. Each is bound to a context, such as its row's id: sealed
 * text that is moved elsewhere does not open. The first master key seals, every key opens, so keys can be rotated.
 */
export class SecretBox {
  private readonly keys: (mustKnow?: string) => MasterKeys;

  /** @param masterKeys as in `secretsKeyFormat`, or the file that holds them */
  constructor(masterKeys: string | MasterKeyFile) {
    if (masterKeys instanceof MasterKeyFile) this.keys = (mustKnow) => masterKeys.current(mustKnow);
    else {
      const parsed = parseMasterKeys(masterKeys);
      this.keys = () => parsed;
    }
  }

  /** `<key id>.<base64url of nonce, ciphertext and tag>` */
  seal(text: string, context: string): string {
    const { sealingId, byId } = this.keys();
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, byId.get(sealingId)!, nonce, { authTagLength: tagBytes });
    cipher.setAAD(Buffer.from(context));
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${sealingId}.${sealed.toString('base64url')}`;
  }

  /**
   * Raises when the text was sealed for another context, with a key that is not known, or was changed.
   *
   * @param former contexts that the text may still be bound to, from before the current one
   */
  open(sealed: string, context: string, ...former: readonly string[]): string {
    const [id, body] = sealed.split('.') as [string, string?];
    const key = this.keys(id).byId.get(id);
    const bytes = Buffer.from(body ?? '', 'base64url');
    if (!key || bytes.length < nonceBytes + tagBytes)
      throw new Error('the secret cannot be opened: unknown key or form');
    for (const bound of [context, ...former]) {
      const text = tryToOpen(key, bytes, bound);
      if (text !== undefined) return text;
    }
    throw new Error('the secret cannot be opened: it was changed, moved, or sealed with another key');
  }
}

/** The id of the master key that sealed a text. */
export const sealingKeyOf = (sealed: string): string => sealed.split('.', 1)[0]!;

function tryToOpen(key: Buffer, bytes: Buffer, context: string): string | undefined {
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(bytes.subarray(-tagBytes));
  try {
    return decipher.update(bytes.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    return undefined;
  }
}
