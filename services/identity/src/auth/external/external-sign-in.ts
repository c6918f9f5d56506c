import { Injectable } from '@nestjs/common';
import { SystemUnitOfWork, type Tx } from '#common/database/index';
import { Problem } from '#common/http/index';
import type { Trace } from '#common/observability/index';
import { Sessions } from '../../sessions/sessions.js';
import type { Account } from '../../users/users.js';
import { AccessTokens } from '../access-tokens.js';
import { authValidationFailed } from '../auth-form.js';
import type { IdTokenBody } from './dto.js';
import { type ExternalIdentity, externalIdentityOf } from './external-identity.js';
import { ExternalIssuers } from './external-issuers.js';
import { ExternalUsers } from './external-users.js';
import type { IssuerSettings } from './issuer-settings.js';

/** What a first sign-in is told when the same one, or another with its address, has just come first. */
const raced = new Set(['identity_already_exists', 'user_already_exists', 'email_exists']);
const attempts = 3;

/** Sign-in by the word of an issuer. */
@Injectable()
export class ExternalSignIn {
  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly issuers: ExternalIssuers,
    private readonly users: ExternalUsers,
    private readonly sessions: Sessions,
    private readonly accessTokens: AccessTokens,
  ) {}

  /** Exchanges an issuer's token for a session. */
  async exchange(trace: Trace, { provider, id_token: token, nonce, link_identity: links }: IdTokenBody) {
    if (links === true) throw authValidationFailed('An identity is linked at its provider, not by an id_token');
    const issuer = this.issuers.find(provider);
    const claims = await this.issuers.verify(issuer, token, nonce, true);
    const identity = externalIdentityOf(issuer.settings, claims);
    if (!identity) throw authValidationFailed('The token has no subject that can be kept');
    return this.open(trace, issuer.settings, identity);
  }

  /** A session of the user who signs in by an identity. */
  async open(trace: Trace, settings: IssuerSettings, identity: ExternalIdentity) {
    const live = await this.asUser(trace, settings, identity, async (tx, user) =>
      this.sessions.open(tx, user, 'oauth'),
    );
    return this.accessTokens.answer(live);
  }

  /** Does something as that user, in the transaction that finds or makes the user. */
  async asUser<T>(
    trace: Trace,
    settings: IssuerSettings,
    identity: ExternalIdentity,
    work: (tx: Tx, user: Account) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.system.run({ trace }, async (tx) =>
          work(tx, await this.users.signIn(tx, settings, identity)),
        );
      } catch (error) {
        if (attempt === attempts || !(error instanceof Problem) || !raced.has(error.code)) throw error;
      }
    }
  }
}
