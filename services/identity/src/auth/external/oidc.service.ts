import { Injectable } from '@nestjs/common';
import { randomSecret } from '#common/crypto/index';
import type { RequestContext } from '#common/auth/index';
import { SystemUnitOfWork, UnitOfWork } from '#common/database/index';
import { forbidden } from '#common/http/index';
import { createLogger, type Trace } from '#common/observability/index';
import { IdentityConfig } from '../../identity.config.js';
import { Redirects } from '../../one-time/redirects.js';
import { fragmentOf } from '../access-tokens.js';
import { authValidationFailed } from '../auth-form.js';
import { codeChallengeOf, FlowStates } from '../flow-states.js';
import type { AuthorizeQuery } from './dto.js';
import type { ExternalIdentity } from './external-identity.js';
import { ExternalSignIn } from './external-sign-in.js';
import { flowCookie, noFlowCookie, readFlowCookie } from './flow-cookie.js';
import type { IssuerSettings } from './issuer-settings.js';
import { OidcClients } from './oidc-clients.js';
import { badState, redirectErrorOf } from './oidc-errors.js';
import { type Flow, OidcFlows, secretsOf } from './oidc-flows.js';

/** Where a browser goes, and the cookie that it is given or loses. */
export interface Departure {
  readonly location: string;
  readonly cookie?: string;
}

/** Characters of a state at most. */
const stateLimit = 100;

/** Sign-in at an OpenID Connect provider, and the linking of what it says to a user. */
@Injectable()
export class OidcService {
  private readonly isSecure: boolean;
  private readonly publicUrl: string;
  private readonly logger;

  constructor(
    private readonly system: SystemUnitOfWork,
    private readonly unitOfWork: UnitOfWork,
    private readonly clients: OidcClients,
    private readonly flows: OidcFlows,
    private readonly flowStates: FlowStates,
    private readonly signIn: ExternalSignIn,
    private readonly redirects: Redirects,
    { PUBLIC_URL, LOG_LEVEL }: IdentityConfig,
  ) {
    this.isSecure = PUBLIC_URL.startsWith('https:');
    this.publicUrl = PUBLIC_URL;
    this.logger = createLogger('identity', LOG_LEVEL);
  }

  /** Sends a browser to a provider. */
  async authorize(trace: Trace, query: AuthorizeQuery): Promise<Departure> {
    const flow = this.flowOf(query, null);
    const browser = randomSecret();
    const state = await this.system.run({ trace }, async (tx) => this.flows.note(tx, flow, browser));
    const { prompt, login_hint } = query;
    return this.depart(flow, state, browser, { ...(prompt && { prompt }), ...(login_hint && { login_hint }) });
  }

  /** The URL at which a browser begins to link an identity to the caller. */
  async beginLink(context: RequestContext, query: AuthorizeQuery): Promise<{ url: string }> {
    const flow = this.flowOf(query, context.userId);
    // Whoever is lured to this URL ends with a code that only its maker can exchange, and never sees.
    if (!flow.challenge) throw authValidationFailed('Linking an identity takes the PKCE flow (flowType: pkce)');
    // The system's role notes the flow, which no policy keeps it from: so the database, too, is asked whose it is.
    const [user] = await this.unitOfWork.read(context, { text: 'SELECT FROM users WHERE id = app.usr()' });
    if (!user) throw forbidden('Only the user may link an identity.');
    const state = await this.system.run({ trace: context.trace }, async (tx) => this.flows.note(tx, flow));
    return { url: `${this.publicUrl}/auth/v1/authorize?state=${state}` };
  }

  /** Sends the browser that comes first to the provider of a link. */
  async resume(trace: Trace, state: string): Promise<Departure> {
    const browser = randomSecret();
    const flow = await this.system.run({ trace }, (tx) => this.flows.begin(tx, state.slice(0, stateLimit), browser));
    return flow
      ? this.depart(flow, state, browser, {})
      : this.arrive(null, new URLSearchParams({ ...redirectErrorOf(badState()) }));
  }

  /** Takes a browser back from a provider, and sends it on to where it came from. */
  async callback(trace: Trace, query: string, cookies: string | undefined): Promise<Departure> {
    const [state, ...more] = new URLSearchParams(query).getAll('state');
    if (state === undefined || more.length > 0 || state.length > stateLimit) return this.fail(null, badState());
    const browser = readFlowCookie(cookies, state, this.isSecure);
    const flow = await this.system.run({ trace }, (tx) => this.flows.finish(tx, state, browser));
    const cookie = noFlowCookie(state, this.isSecure);
    if (!flow) return { ...this.fail(null, badState()), cookie };
    try {
      const { settings, identity } = await this.clients.prove(flow.provider, query, secretsOf(state, browser));
      if (!identity) throw authValidationFailed('The provider names no subject that can be kept');
      return { ...this.arrive(flow, await this.complete(trace, flow, settings, identity)), cookie };
    } catch (error) {
      return { ...this.fail(flow, error), cookie };
    }
  }

  private flowOf(query: AuthorizeQuery, userId: string | null): Flow {
    this.clients.assertKnown(query.provider);
    const redirectTo = this.redirects.resolve(query.redirect_to);
    return { provider: query.provider, redirectTo, challenge: codeChallengeOf(query), userId };
  }

  private async depart(flow: Flow, state: string, browser: string, hints: Record<string, string>): Promise<Departure> {
    try {
      const url = await this.clients.authorizationUrl(flow.provider, secretsOf(state, browser), hints);
      return { location: url.href, cookie: flowCookie(state, browser, this.isSecure) };
    } catch (error) {
      return this.fail(flow, error);
    }
  }

  /** A code for a client that finishes by itself, else the session. */
  private async complete(trace: Trace, flow: Flow, settings: IssuerSettings, identity: ExternalIdentity) {
    const { challenge, userId } = flow;
    if (userId !== null) {
      const proven = { userId, method: 'oauth', link: identity } as const;
      return codeIn(await this.system.run({ trace }, async (tx) => this.flowStates.issue(tx, proven, challenge!)));
    }
    if (challenge) {
      const code = await this.signIn.asUser(trace, settings, identity, async (tx, { id }) =>
        this.flowStates.issue(tx, { userId: id, method: 'oauth' }, challenge),
      );
      return codeIn(code);
    }
    return new URLSearchParams(fragmentOf(await this.signIn.open(trace, settings, identity)));
  }

  private fail(flow: Flow | null, failure: unknown): Departure {
    const told = redirectErrorOf(failure);
    this.logger.warn({ provider: flow?.provider, code: told.error_code, err: failure }, 'sign-in at a provider failed');
    return this.arrive(flow, new URLSearchParams({ ...told }));
  }

  /** Secrets of a session never reach a server: they stand behind the `#`. */
  private arrive(flow: Flow | null, fields: URLSearchParams): Departure {
    const url = new URL(flow?.redirectTo ?? this.redirects.site);
    if (flow?.challenge) for (const [name, value] of fields) url.searchParams.set(name, value);
    else url.hash = fields.toString();
    return { location: url.href };
  }
}

const codeIn = (code: string): URLSearchParams => new URLSearchParams({ code });
