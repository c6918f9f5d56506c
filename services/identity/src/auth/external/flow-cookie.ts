import { hashOf } from '#common/crypto/index';
import { flowLifetime } from './oidc-flows.js';

/** One cookie per flow, so that a browser may be under way in several tabs. */
function nameOf(state: string, isSecure: boolean): string {
  return `${isSecure ? '__Host-' : ''}clarity-oidc-${hashOf(state).toString('hex').slice(0, 16)}`;
}

const attributes = (isSecure: boolean): string => `Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;

/** Gives a browser the secret by which it will be known when it comes back. */
export const flowCookie = (state: string, browser: string, isSecure: boolean): string =>
  `${nameOf(state, isSecure)}=${browser}; Max-Age=${flowLifetime}; ${attributes(isSecure)}`;

export const noFlowCookie = (state: string, isSecure: boolean): string =>
  `${nameOf(state, isSecure)}=; Max-Age=0; ${attributes(isSecure)}`;

/** The secret in a Cookie header; empty without one, or with two that differ. */
export function readFlowCookie(header: string | undefined, state: string, isSecure: boolean): string {
  const prefix = `${nameOf(state, isSecure)}=`;
  const values = (header ?? '').split(/; */).filter((pair) => pair.startsWith(prefix));
  return new Set(values).size === 1 ? values[0]!.slice(prefix.length) : '';
}
