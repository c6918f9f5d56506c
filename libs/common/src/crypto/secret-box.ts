import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** What SECRETS_KEY looks like: `<id>:<base64 of 32 bytes>`, several separated by commas. */
export const secretsKeyFormat = /^[\w-]{1,32}:[A-Za-z0-9+/]{43}=(,[\w-]{1,32}:[A-Za-z0-9+/]{43}=)*$/;

/**
 * Seals texts for storage with AES-256-GCM and a random nonce. Each is bound to a context, such as its row's id: sealed
 * text that is moved elsewhere does not open. The first master key seals, every key opens, so keys can be rotated.
 */
export class SecretBox {
  private readonly keys: ReadonlyMap<string, Buffer>;
  private readonly sealingId: string;

  /** @param masterKeys as in `secretsKeyFormat`; raises an error that names no key when it is not */
  constructor(masterKeys: string) {
    if (!secretsKeyFormat.test(masterKeys)) throw new Error('the master keys are not <id>:<base64 of 32 bytes>,…');
    const entries = masterKeys.split(',').map((entry) => {
      const [id, key] = entry.split(':') as [string, string];
      return [id, Buffer.from(key, 'base64')] as const;
    });
    this.keys = new Map(entries);
    if (this.keys.size < entries.length) throw new Error('two master keys have the same id');
    this.sealingId = entries[0]![0];
  }

  /** `<key id>.<base64url of nonce, ciphertext and tag>` */
  seal(text: string, context: string): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, this.keys.get(this.sealingId)!, nonce, { authTagLength: tagBytes });
    cipher.setAAD(Buffer.from(context));
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${this.sealingId}.${sealed.toString('base64url')}`;
  }

  /** Raises when the text was sealed for another context, with a key that is not known, or was changed. */
  open(sealed: string, context: string): string {
    const [id, body] = sealed.split('.') as [string, string?];
    const key = this.keys.get(id);
    const bytes = Buffer.from(body ?? '', 'base64url');
    if (!key || bytes.length < nonceBytes + tagBytes)
      throw new Error('the secret cannot be opened: unknown key or form');
    const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    try {
      return decipher.update(bytes.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      throw new Error('the secret cannot be opened: it was changed, moved, or sealed with another key');
    }
  }
}
