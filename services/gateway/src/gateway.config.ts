import { applyDecorators } from '@nestjs/common';
import {
  ArrayMaxSize,
  IsArray,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsUrl,
  Matches,
  Max,
  Min,
  ValidateBy,
  ValidateIf,
} from 'class-validator';
import type { BlockList } from 'node:net';
import { AreNetworks, HttpConfig, List } from '#common/config/index';
import { networksOf } from '#common/http/index';

/**
 * Origins of a service's replicas, between commas. An origin and nothing else: paths are the clients'. Behind one name, or
 * before a balancer of the platform's, one is enough.
 */
const AreOrigins = (): PropertyDecorator =>
  applyDecorators(
    List(),
    ArrayMaxSize(64, { message: '$property may hold 64 origins at most' }),
    IsUrl({ protocols: ['http', 'https'], require_tld: false, require_protocol: true }, { each: true }),
    Matches(/^[a-z]+:\/\/[^/?#@]+\/?$/i, {
      each: true,
      message: '$property must be an origin, such as http://127.0.0.1:3001, or several between commas',
    }),
  );

const browserOrigin = /^https?:\/\/([a-z0-9.-]+|\[[0-9a-f:]+\])(:(\d{1,5}|\*))?$/i;

/** An address and a password that everybody may know, which is no account to have in production. */
const IsDemoAccount = (): PropertyDecorator =>
  ValidateBy({
    name: 'demoAccount',
    validator: {
      validate: (value, args) =>
        typeof value === 'string' &&
        /^[^\s:@]+@[^\s:@]+:\S+$/.test(value) &&
        (args!.object as GatewayConfig).NODE_ENV !== 'production',
      defaultMessage: () =>
        '$property must be an e-mail address and a password with a colon between, and is refused when NODE_ENV is production',
    },
  });

/** Settings of the gateway. */
export class GatewayConfig extends HttpConfig {
  @AreOrigins()
  IDENTITY_URL!: string[];

  @AreOrigins()
  LICENSING_URL!: string[];

  @AreOrigins()
  CRM_URL!: string[];

  @AreOrigins()
  CONVERSATIONS_URL!: string[];

  /**
   * Addresses and CIDR ranges of the proxies in front, between commas: only they are believed when they name the client
   * (X-Forwarded-For, X-Forwarded-Proto). None by default.
   */
  @List()
  @IsArray()
  @AreNetworks()
  TRUSTED_PROXIES: string[] = [];

  /**
   * Origins whose pages may call the API from a browser, between commas; `*` stands for any port. By default those of
   * this machine, and none in production.
   */
  @IsOptional()
  @List()
  @Matches(browserOrigin, { each: true, message: 'CORS_ORIGINS must be origins, such as https://app.example.com' })
  CORS_ORIGINS?: string[];

  /**
   * TCP port on which Prometheus finds /metrics, apart from the one that clients reach; none by default. Not to be opened to
   * the outside.
   */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(65_535)
  METRICS_PORT?: number;

  /** Seconds that a service may take to begin its answer. */
  @IsInt()
  @Min(1)
  @Max(60)
  UPSTREAM_TIMEOUT = 30;

  /** Account that the sign-in of /docs is filled in with, such as `ada@example.com:password`; the local stack names one. */
  @IsOptional()
  @IsDemoAccount()
  DOCS_ACCOUNT?: string;

  /**
   * Requests that are under way at once to each replica of a service; the others wait, and are refused (503 `overloaded`) once there
   * are always some that do. Somewhat more than a service works on at once, so that it never has to wait for the next.
   */
  @IsInt()
  @Min(1)
  @Max(100_000)
  UPSTREAM_REQUESTS_AT_ONCE = 24;

  /**
   * Requests a minute of one client address (of IPv6, of its /64), over all replicas of the gateway; they may come at once. An
   * office behind one address has many clients, so it keeps away a flood and nobody else. 0 stands for no limit.
   */
  @IsInt()
  @Min(0)
  @Max(1_000_000_000)
  REQUEST_LIMIT_PER_ADDRESS = 60_000;

  /** Over which replicas of the gateway tell each other how much their clients ask for; without it each counts alone. */
  @IsOptional()
  @IsUrl({ protocols: ['nats', 'tls'], require_tld: false, require_protocol: true })
  NATS_URL?: string;

  @ValidateIf(({ NATS_URL }: GatewayConfig) => NATS_URL !== undefined)
  @IsNotEmpty()
  NATS_USER?: string;

  @ValidateIf(({ NATS_URL }: GatewayConfig) => NATS_URL !== undefined)
  @IsNotEmpty()
  NATS_PASSWORD?: string;
}

const localOrigins = ['http://localhost:*', 'http://127.0.0.1:*', 'http://[::1]:*'];

export const corsOrigins = ({ CORS_ORIGINS, NODE_ENV }: GatewayConfig): readonly string[] =>
  CORS_ORIGINS ?? (NODE_ENV === 'production' ? [] : localOrigins);

export const trustedProxies = ({ TRUSTED_PROXIES }: GatewayConfig): BlockList => networksOf(TRUSTED_PROXIES);

/** The account that everybody may try; null when there is none. */
export function demoAccount({ DOCS_ACCOUNT }: GatewayConfig): { email: string; password: string } | null {
  const [email, ...rest] = DOCS_ACCOUNT?.split(':') ?? [];
  return email === undefined ? null : { email, password: rest.join(':') };
}
