import { demoAccounts, demoOrganization, demoPassword } from './demo-data.js';
import { caughtMailOf } from './environment.js';
import { defaultAdminPassword, type StackSettings } from './settings.js';

/** What a newcomer needs once everything runs: accounts and three commands to try. */
export function welcome(url: string, settings: StackSettings, withDemo: boolean): string[] {
  const isPreset = settings.PLATFORM_ADMIN_PASSWORD === defaultAdminPassword;
  const admin = {
    email: settings.PLATFORM_ADMIN_EMAIL,
    password: isPreset ? defaultAdminPassword : '(PLATFORM_ADMIN_PASSWORD)',
    role: 'platform_admin of the operator',
  };
  const members = demoAccounts.map(({ email, role }) => ({
    email,
    password: demoPassword,
    role: `${role} of ${demoOrganization}`,
  }));
  const accounts = [admin, ...(withDemo ? members : [])];
  const width = Math.max(...accounts.map(({ email }) => email.length));
  const { email, password } = accounts[withDemo ? 1 : 0];
  return [
    'Accounts (e-mail, password, role)',
    ...accounts.map((one) => `  ${one.email.padEnd(width)}  ${one.password.padEnd(25)}  ${one.role}`),
    '',
    ...(settings.SMTP_URL ? [] : [`Mail is caught, not sent: ${caughtMailOf(settings).page} shows it`, '']),
    `API reference, with sign-in and guides: ${url}/docs`,
    '',
    'Try in another terminal',
    `  curl -s ${url}/health/ready`,
    `  TOKEN=$(curl -s '${url}/auth/v1/token?grant_type=password' -H 'content-type: application/json' \\`,
    `    -d '{"email":"${email}","password":"${password}"}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`,
    `  curl -s '${url}/v1/${withDemo ? 'customers?limit=3' : 'me'}' -H "authorization: Bearer $TOKEN"`,
  ];
}
