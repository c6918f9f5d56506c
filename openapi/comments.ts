import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Sources of what ships, by their paths. */
export function sources(): Map<string, string> {
  const roots = [resolve('libs', 'common', 'src'), resolve('services')];
  const files = roots.flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !/(^|\/)test(ing)?\/|\.spec\.ts$/.test(name))
      .sort()
      .map((name) => join(root, name)),
  );
  return new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));
}

const declaration = /^(?:export )?(?:abstract )?(?:class|interface) (\w+)/;
const member = /^ {2}(?:readonly |async )*(\w+)[?!]?(?:[:(;]| =)/;

/** Doc comments of members, by `Class.member`: prettier has every member begin two blanks in. */
export class Comments {
  /** Undefined where two classes of one name differ. */
  private readonly texts = new Map<string, string | undefined>();

  constructor(files: Iterable<string> = sources().values()) {
    for (const file of files) this.read(file);
  }

  /** What stands above a member of a class, or of one that it extends. */
  of(type: { readonly name: string }, name: string): string | undefined {
    for (let one = type; one.name; one = Object.getPrototypeOf(one) as typeof one) {
      const text = this.texts.get(`${one.name}.${name}`);
      if (text !== undefined) return text;
    }
    return undefined;
  }

  private read(source: string): void {
    let owner: string | undefined;
    let comment: string | undefined;
    for (const line of source.replaceAll(/\/\*\*([\s\S]*?)\*\//g, onOneLine).split('\n')) {
      owner = declaration.exec(line)?.[1] ?? (line === '}' ? undefined : owner);
      if (owner === undefined) continue;
      const [, text] = /^ {2}\/\*\*(.*)\*\/$/.exec(line) ?? [];
      if (text !== undefined) comment = text.trim();
      const name = member.exec(line)?.[1];
      if (name === undefined) continue;
      if (comment !== undefined) this.keep(`${owner}.${name}`, comment);
      comment = undefined;
    }
  }

  private keep(key: string, text: string): void {
    const isOther = this.texts.has(key) && this.texts.get(key) !== text;
    this.texts.set(key, isOther ? undefined : text);
  }
}

const onOneLine = (comment: string): string => comment.replaceAll(/\s*\n\s*\*? ?/g, ' ');
