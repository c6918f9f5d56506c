import { Injectable } from '@nestjs/common';
import { SignJWT } from 'jose';
import type { Session } from '../sessions/session.entity.js';
import { IdentityConfig } from '../identity.config.js';
import type { LiveSession } from '../sessions/sessions.js';
import type { Account } from '../users/users.js';
import { userAnswer } from './answers.js';
import { accessTokenLifetime } from './keys/key-times.js';
import { SigningKeys } from './keys/signing-keys.js';

interface AccessToken {
  readonly token: string;
  /** Seconds since 1970. */
  readonly expiresAt: number;
}

/** What a browser is given of a session, in the fragment of a URL. */
export function fragmentOf(session: Awaited<ReturnType<AccessTokens['answer']>>): Record<string, string> {
  const { access_token, expires_at, expires_in, refresh_token, token_type } = session;
  return { access_token, expires_at: `${expires_at}`, expires_in: `${expires_in}`, refresh_token, token_type };
}

/** Signs what Supabase Auth puts into an access token. */
@Injectable()
export class AccessTokens {
  constructor(
    private readonly keys: SigningKeys,
    private readonly config: IdentityConfig,
  ) {}

  /** A session as Supabase Auth answers it, with a new access token. */
  async answer({ user, session, refreshToken }: LiveSession) {
    const { token, expiresAt } = await this.issue(user, session);
    return {
      access_token: token,
      token_type: 'bearer',
      expires_in: accessTokenLifetime,
      expires_at: expiresAt,
      refresh_token: refreshToken,
      user: userAnswer(user),
    };
  }

  private async issue(user: Account, session: Pick<Session, 'id' | 'aal' | 'amr'>): Promise<AccessToken> {
    const { kid, key } = await this.keys.current();
    const issuedAt = Math.floor(Date.now() / 1_000);
    const expiresAt = issuedAt + accessTokenLifetime;
    const token = await new SignJWT({
      email: user.email ?? '',
      phone: '',
      role: 'authenticated',
      aal: session.aal,
      amr: session.amr,
      session_id: session.id,
      app_metadata: user.appMetadata,
      user_metadata: user.userMetadata,
      is_anonymous: false,
    })
      .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
      .setIssuer(`${this.config.PUBLIC_URL}/auth/v1`)
      .setAudience('authenticated')
      .setSubject(user.id)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(key);
    return { token, expiresAt };
  }
}
