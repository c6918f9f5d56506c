import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { SecretBox } from './secret-box.js';

const masterKey = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

describe('SecretBox', () => {
  const old = masterKey('2025');
  const current = masterKey('2026');
  const box = new SecretBox(`${current},${old}`);

  it('opens what it sealed, and never seals alike twice', () => {
    const sealed = box.seal('sk-größe 🔑', 'row');
    expect(box.open(sealed, 'row')).toBe('sk-größe 🔑');
    expect(box.open(box.seal('', 'row'), 'row')).toBe('');
    expect(box.seal('sk-größe 🔑', 'row')).not.toBe(sealed);
    expect(sealed).toMatch(/^2026\.[\w-]+$/);
  });

  it('opens by every key it has and seals by the first', () => {
    expect(box.open(new SecretBox(old).seal('secret', 'row'), 'row')).toBe('secret');
    expect(() => new SecretBox(old).open(box.seal('secret', 'row'), 'row')).toThrow('unknown key');
  });

  it('opens nothing that was moved, changed, cut short or relabelled', () => {
    const sealed = box.seal('secret', 'row 1');
    expect(() => box.open(sealed, 'row 2')).toThrow('cannot be opened');
    const [id, body] = sealed.split('.') as [string, string];
    for (let index = 0; index < Buffer.from(body, 'base64url').length; index += 1) {
      const bytes = Buffer.from(body, 'base64url');
      bytes[index]! ^= 1;
      expect(() => box.open(`${id}.${bytes.toString('base64url')}`, 'row 1')).toThrow('cannot be opened');
    }
    for (const cut of [sealed.slice(0, -4), '2026.', '2026', '']) expect(() => box.open(cut, 'row 1')).toThrow();
    expect(() => box.open(sealed.replace('2026.', '2025.'), 'row 1')).toThrow('cannot be opened');
  });

  it('refuses bad master keys without telling them', () => {
    const short = Buffer.alloc(16, 7).toString('base64');
    for (const bad of ['', 'no-colon', `k:${short}`, `${current},`, `a b:${short}`]) {
      expect(() => new SecretBox(bad)).toThrow('the master keys are not');
    }
    expect(() => new SecretBox(`${old},${masterKey('2025')}`)).toThrow('same id');
  });
});
