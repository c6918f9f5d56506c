import 'reflect-metadata';
import { IsArray, IsIn, IsInt, IsNotEmpty, IsOptional, IsString, IsUrl, Max, Min } from 'class-validator';
import { AreNetworks, List } from './networks.js';

const postgresUrl = { protocols: ['postgres', 'postgresql'], require_tld: false, require_protocol: true };
const natsUrl = { protocols: ['nats', 'tls'], require_tld: false, require_protocol: true };
const httpUrl = { protocols: ['http', 'https'], require_tld: false, require_protocol: true };

/** Settings of every process that listens for HTTP. */
export class HttpConfig {
  @IsIn(['development', 'test', 'production'])
  NODE_ENV = 'development';

  @IsString()
  SERVICE_HOST = '127.0.0.1';

  /** TCP port; 0 takes a free one. */
  @IsInt()
  @Min(0)
  @Max(65535)
  SERVICE_PORT = 0;

  @IsIn(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
  LOG_LEVEL = 'info';

  /** Seconds for which a request may arrive, one may be worked on, and an answer may wait for a client to take it: each. */
  @IsInt()
  @Min(1)
  @Max(300)
  REQUEST_TIMEOUT = 30;

  /** The origin that clients see: the gateway's. */
  @IsUrl(httpUrl)
  PUBLIC_URL = 'http://127.0.0.1:3000';

  /**
   * Base URL of a collector that takes OTLP over HTTP; traces are recorded only where it is named. The other variables of
   * OpenTelemetry's SDK hold as well: OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, OTEL_BSP_MAX_QUEUE_SIZE.
   */
  @IsOptional()
  @IsUrl(httpUrl)
  OTEL_EXPORTER_OTLP_ENDPOINT?: string;
}

/** Settings of every service that owns a database. */
export class ServiceConfig extends HttpConfig {
  /**
   * Addresses and CIDR ranges of the gateway, or what stands in its place, between commas: only they are believed when they
   * name the client (X-Forwarded-For). By default those of this machine.
   */
  @List()
  @IsArray()
  @AreNetworks()
  TRUSTED_PROXIES: string[] = ['127.0.0.0/8', '::1'];

  /** Connection of requests, as the role behind the tenant policies. */
  @IsUrl(postgresUrl)
  DATABASE_URL!: string;

  /** Connection of relay, subscribers and jobs. */
  @IsUrl(postgresUrl)
  SYSTEM_DATABASE_URL!: string;

  /**
   * Connections of each role at most. One process keeps two or three at work, as a transaction is one or two round trips;
   * more only make PostgreSQL's caches colder: one connection took 427 µs for a whole customer, four in turn 709, ten 1,014.
   */
  @IsInt()
  @Min(1)
  @Max(200)
  DATABASE_POOL_SIZE = 4;

  @IsUrl(natsUrl)
  NATS_URL!: string;

  @IsString()
  @IsNotEmpty()
  NATS_USER!: string;

  @IsString()
  @IsNotEmpty()
  NATS_PASSWORD!: string;

  /**
   * Requests that are worked on at once; the others wait, and are refused (503 `overloaded`) once there are always some that do.
   * More than keep the connections to PostgreSQL busy would make all of them slower.
   */
  @IsInt()
  @Min(1)
  @Max(100_000)
  REQUESTS_AT_ONCE = 16;

  /**
   * Requests a minute of one caller to this service, over all of its replicas; they may come at once. 0 stands for no limit.
   */
  @IsInt()
  @Min(0)
  @Max(1_000_000_000)
  REQUEST_LIMIT_PER_CALLER = 6_000;

  /** Where identity answers; its JWKS verifies access tokens. */
  @IsOptional()
  @IsUrl(httpUrl)
  IDENTITY_URL?: string;

  /** Seconds for which a read copy may grant without hearing from its owner. */
  @IsInt()
  @Min(5)
  @Max(3600)
  AUTHORIZATION_MAX_STALENESS = 60;

  /** Seconds in which a deletion has to be done in every service; after that it is reported, at each doubling again. */
  @IsInt()
  @Min(1)
  @Max(86_400)
  DELETION_DEADLINE = 60;

  /**
   * Addresses and CIDR ranges beside the public ones that URLs given by users may lead to, between commas. None by
   * default: a user must not reach what only this machine's network can.
   */
  @List()
  @IsArray()
  @AreNetworks()
  OUTBOUND_ALLOWED_NETWORKS: string[] = [];
}
