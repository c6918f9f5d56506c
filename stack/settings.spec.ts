import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { getMetadataStorage } from 'class-validator';
import { ServiceConfig } from '#common/config/index';
import { CrmConfig } from '../services/crm/src/crm.config.js';
import { GatewayConfig } from '../services/gateway/src/gateway.config.js';
import { IdentityConfig } from '../services/identity/src/identity.config.js';
import { LicensingConfig } from '../services/licensing/src/licensing.config.js';
import { newSecrets } from './containers/secrets.js';
import { readSettings, settingNames, StackSettings } from './settings.js';
import { StackError } from './stack-error.js';

/** The lines of one part of `.env.example`: of the stack's own settings, or of those that a service reads by itself. */
function example(part: 'own' | 'services'): string[] {
  const parts = readFileSync('.env.example', 'utf8').split(/^# What follows is read by one service.*\n/m);
  return parts[part === 'own' ? 0 : 1]!.trim().split('\n');
}

/** What the stack tells its services, whatever the environment says. */
const told =
  /^(SERVICE_|NATS_|SECRETS_KEY|NODE_ENV|LOG_LEVEL|PUBLIC_URL|(SYSTEM_)?DATABASE_URL)|^(IDENTITY|LICENSING|CRM|CONVERSATIONS)_URL$/;
/** Its default depends on the machine. */
const ofTheMachine = new Set(['PASSWORD_HASHES_AT_ONCE']);

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
    const lines = example('own');
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

  it('of single services are there too, each with its default and its meaning', () => {
    const presets: Record<string, unknown> = {};
    for (const config of [IdentityConfig, LicensingConfig, CrmConfig, GatewayConfig, ServiceConfig]) {
      const metadatas = getMetadataStorage().getTargetValidationMetadatas(config, '', false, false);
      for (const { propertyName } of metadatas) presets[propertyName] = undefined;
      Object.assign(presets, new config());
    }
    const own = Object.keys(presets).filter((name) => !told.test(name) && !settingNames.includes(name as never));
    const lines = example('services');
    const listed = lines.flatMap((line, index) => {
      const [, name, value] = /^# ([A-Z_0-9]+)=(.*)$/.exec(line) ?? [];
      if (name === undefined) return [];
      expect(lines[index - 1]).toMatch(/^# [A-Z].{4,}/);
      expect([name, value]).toEqual([name, ofTheMachine.has(name) ? '' : String(presets[name] ?? '')]);
      return [name];
    });
    expect(listed.sort()).toEqual(own.sort());
  });
});

describe('secrets of containers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'clarity-env-'));
  const file = join(folder, '.env');
  const command = (...args: string[]) =>
    spawnSync(process.execPath, [resolve('dist/stack/containers/env.js'), ...args], { cwd: folder, encoding: 'utf8' });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are those that docker-compose.yml asks for, which says where they come from', () => {
    const files = ['docker-compose.yml', 'infra/observability/compose.yml'];
    const composition = files.map((name) => readFileSync(name, 'utf8')).join('');
    const asked = [...composition.matchAll(/\$\{([A-Z_]+):\?([^}]*)\}/g)];
    expect(new Set(asked.map(([, , hint]) => hint))).toEqual(new Set(['run npm run compose:env']));
    const names = new Set(asked.map(([, name]) => name!));
    expect([...names].sort()).toEqual(['CLARITY_ADMIN_EMAIL', ...Object.keys(newSecrets())].sort());
    // The local stack reads .env, too: none of its settings may change by what containers need.
    expect([...names].filter((name) => settingNames.includes(name as keyof StackSettings))).toEqual([]);
  });

  it('are written for the owner only, and replaced only on demand', () => {
    expect(command('--help').stdout).toContain('npm run compose:env');
    expect(command('--nope').status).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
    expect(command().status).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const first = readFileSync(file, 'utf8');
    const refused = command();
    expect([refused.status, readFileSync(file, 'utf8')]).toEqual([1, first]);
    expect(refused.stdout).toContain('--force');
    expect(command('--force').status).toBe(0);
    expect(readdirSync(folder)).toHaveLength(2);
    const both = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    expect(both).toContain(first);
    const values = both.map((text) => text.match(/(?<==).+$/gm)!.filter((value) => !value.includes('@')));
    expect(new Set(values.flat()).size).toBe(2 * Object.keys(newSecrets()).length);
  });
});
