import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { readSettings, settingNames, StackSettings } from './settings.js';
import { StackError } from './stack-error.js';

describe('settings', () => {
  it('have defaults for a machine of one’s own', () => {
    expect(readSettings({})).toEqual(new StackSettings());
    expect(readSettings({ GATEWAY_PORT: '', NATS_URL: '' })).toEqual(new StackSettings());
  });

  it('come from the environment', () => {
    const environment = { GATEWAY_PORT: '8080', AUTH_AUTOCONFIRM: 'false', LICENSE_TRIAL_DAYS: '0' };
    expect(readSettings(environment)).toMatchObject({
      GATEWAY_PORT: 8080,
      AUTH_AUTOCONFIRM: false,
      LICENSE_TRIAL_DAYS: 0,
    });
  });

  it.each([
    ['GATEWAY_PORT', '99999'],
    ['POSTGRES_PORT', '0x10'],
    ['NATS_PORT', '-1'],
    ['PLATFORM_ADMIN_EMAIL', 'not-an-address'],
    ['PLATFORM_ADMIN_PASSWORD', 'short77'],
    ['AUTH_AUTOCONFIRM', 'perhaps'],
    ['LICENSE_TRIAL_DAYS', '1.5'],
    ['AUTHORIZATION_MAX_STALENESS', '1e3'],
    ['LOG_LEVEL', 'chatty'],
    ['NODE_ENV', 'staging'],
    ['DATABASE_URL_CRM', 'mysql://root:hidden@host/crm'],
    ['NATS_URL', 'http://hidden@host'],
    ['MAIL_PORT', '0'],
    ['SMTP_URL', 'http://hidden@host'],
  ])('names a bad %s, never its value', (name, value) => {
    const read = () => readSettings({ [name]: value });
    expect(read).toThrow(StackError);
    expect(read).toThrow(name);
    expect(read).not.toThrow(value);
  });

  it('names all bad ones at once', () => {
    expect(() => readSettings({ GATEWAY_PORT: 'a', NATS_PORT: 'b' })).toThrow(/GATEWAY_PORT.*NATS_PORT/);
  });

  it('refuse in production what is only fit for a machine of one’s own', () => {
    const mail = { SMTP_URL: 'smtps://mail.example', MAIL_FROM: 'us@our.example' };
    const production = { NODE_ENV: 'production', PLATFORM_ADMIN_PASSWORD: 'a password of our own', ...mail };
    expect(readSettings(production)).toMatchObject({ AUTH_AUTOCONFIRM: false });
    expect(() => readSettings({ NODE_ENV: 'production' })).toThrow('PLATFORM_ADMIN_PASSWORD');
    expect(() => readSettings({ ...production, AUTH_AUTOCONFIRM: 'true' })).toThrow('AUTH_AUTOCONFIRM');
    for (const name of ['SMTP_URL', 'MAIL_FROM']) {
      expect(() => readSettings({ ...production, [name]: '' })).toThrow(name);
    }
  });

  it('refuse one port twice, and half a NATS user', () => {
    expect(() => readSettings({ GATEWAY_PORT: '4000', NATS_PORT: '4000' })).toThrow('different ports');
    expect(() => readSettings({ NATS_URL: 'nats://host', NATS_USER: 'me' })).toThrow('NATS_PASSWORD');
    expect(() => readSettings({ NATS_USER: 'me', NATS_PASSWORD: 'hidden' })).toThrow('NATS_URL');
  });

  it('are those of .env.example, each with its default and its meaning', () => {
    const lines = readFileSync('.env.example', 'utf8').trimEnd().split('\n');
    const presets: Record<string, unknown> = { ...new StackSettings() };
    const listed = lines.flatMap((line, index) => {
      const [, name, value] = /^(?:# )?([A-Z_]+)=(.*)$/.exec(line) ?? [];
      if (name === undefined) return [];
      expect(lines[index - 1]).toMatch(/^# [A-Z].{8,}|^# development/);
      expect([name, line.startsWith('# '), value]).toEqual([name, !(name in presets), String(presets[name] ?? '')]);
      return [name];
    });
    expect(listed).toEqual(settingNames);
  });
});
