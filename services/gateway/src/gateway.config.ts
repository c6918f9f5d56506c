import { applyDecorators } from '@nestjs/common';
import { ArrayMaxSize, IsArray, IsInt, IsOptional, IsUrl, Matches, Max, Min } from 'class-validator';
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
}

const localOrigins = ['http://localhost:*', 'http://127.0.0.1:*', 'http://[::1]:*'];

export const corsOrigins = ({ CORS_ORIGINS, NODE_ENV }: GatewayConfig): readonly string[] =>
  CORS_ORIGINS ?? (NODE_ENV === 'production' ? [] : localOrigins);

export const trustedProxies = ({ TRUSTED_PROXIES }: GatewayConfig): BlockList => networksOf(TRUSTED_PROXIES);
