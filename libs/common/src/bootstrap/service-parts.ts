import type { DynamicModule, Type } from '@nestjs/common';
import type { JSONWebKeySet } from 'jose';
import type { Logger } from 'pino';
import type pg from 'pg';
import { licenses, profiles, revokedSessions, users } from '../auth/copies.js';
import { KeySet, type KeySource, remoteKeys } from '../auth/key-set.js';
import { OwnerAuthority } from '../auth/owner-authority.js';
import { TokenVerifier } from '../auth/token-verifier.js';
import type { ServiceConfig } from '../config/service-config.js';
import { authorizesByCopies, limitSubject, type ServiceName, topology } from '../contracts/topology.js';
import { Copies } from '../copies/copies.js';
import { Offers } from '../copies/offers.js';
import { OwnerQuestions } from '../copies/owner-questions.js';
import { Reconciliation } from '../copies/reconciliation.js';
import { Snapshots } from '../copies/snapshots.js';
import type { ConstraintProblems } from '../database/errors.js';
import { createPool } from '../database/pool.js';
import type { Schema, SchemaOptions } from '../database/schema.js';
import { SystemUnitOfWork, UnitOfWork } from '../database/unit-of-work.js';
import { Broker } from '../events/broker.js';
import { LogReader } from '../events/log-reader.js';
import { Relay } from '../events/relay.js';
import { ReportedPositions } from '../events/reported-positions.js';
import { Feed } from '../feed/index.js';
import { AdmissionQueue, RequestLimit, SharedLimit } from '../limits/index.js';
import { Metrics } from '../observability/metrics.js';
import { StateReader } from '../observability/state-reader.js';
import type { Tracing } from '../observability/tracing.js';
import type { LongDeletions } from '../operations/heard-deletions.js';
import type { Passing } from '../operations/sweep.js';

export interface ServiceDefinition<Config extends ServiceConfig = ServiceConfig> {
  readonly name: ServiceName;
  readonly config: Config;
  /** The class under which the configuration is injected. */
  readonly configType: Type<Config>;
  readonly entities: SchemaOptions['entities'];
  /** Constraint name → the problem that its violation is. */
  readonly constraints: ConstraintProblems;
  readonly imports: readonly (Type | DynamicModule)[];
  /** Deletions that a job of the service finishes; all others end with the transaction in which they are heard of. */
  readonly longDeletions?: LongDeletions;
  /** What is kept for a while only. */
  readonly passing?: readonly Passing[];
  /** How the owner of the signing keys reads their public halves; every other service fetches the JWKS. */
  keys?(system: SystemUnitOfWork): Promise<JSONWebKeySet>;
}

/** The parts that every service is built from, wired once; owns their start and their end. */
export class ServiceParts {
  readonly pools: readonly pg.Pool[];
  readonly broker: Broker;
  readonly system: SystemUnitOfWork;
  readonly unitOfWork: UnitOfWork;
  readonly authority: OwnerAuthority | undefined;
  readonly keys: KeySet;
  readonly verifier: TokenVerifier;
  readonly relay: Relay;
  readonly reader: LogReader;
  readonly positions: ReportedPositions;
  readonly copies: Copies;
  readonly offers: Offers;
  readonly questions: OwnerQuestions;
  readonly snapshots: Snapshots;
  readonly reconciliation: Reconciliation;
  readonly feed: Feed;
  readonly admission: AdmissionQueue;
  /** Requests of each caller, counted over all replicas; absent for no limit. */
  readonly callers: SharedLimit | undefined;
  readonly metrics: Metrics;
  readonly state: StateReader;

  constructor(
    definition: ServiceDefinition,
    readonly schema: Schema,
    readonly logger: Logger,
    readonly tracing: Tracing,
  ) {
    const { name, config, constraints } = definition;
    const pools = openPools(definition, logger);
    this.pools = [pools.app, pools.system];
    const { NATS_URL: url, NATS_USER: user, NATS_PASSWORD: password } = config;
    this.broker = new Broker({ url, user, password, logger, tracing });
    const shared = { schema, constraints, onEvents: () => this.relay.wake() };
    this.system = new SystemUnitOfWork({ ...shared, pool: pools.system });
    this.relay = new Relay(name, this.system, this.broker, logger, tracing);
    this.reader = new LogReader(name, this.system, this.broker, logger);
    this.positions = new ReportedPositions(name, this.system, this.broker, logger);
    this.offers = new Offers(name, this.system, this.broker);
    this.questions = new OwnerQuestions(this.broker, this.system);
    this.copies = authorizationCopiesOf(name);
    this.snapshots = new Snapshots({ ...this, service: name, logger });
    this.reconciliation = new Reconciliation({ ...this, service: name, logger }, this.snapshots);
    this.authority = authorizesByCopies(name) ? new OwnerAuthority(this.questions) : undefined;
    this.keys = new KeySet(keySourceOf(definition, this.system), logger);
    this.verifier = new TokenVerifier(this.keys, `${config.PUBLIC_URL}/auth/v1`);
    this.metrics = new Metrics(name);
    this.state = new StateReader(this.system, pools, config.DELETION_DEADLINE, this.metrics);
    this.unitOfWork = new UnitOfWork({
      ...shared,
      pool: pools.app,
      maxStalenessMs: config.AUTHORIZATION_MAX_STALENESS * 1_000,
      ...(this.authority && { authority: this.authority }),
    });
    this.feed = new Feed({ service: name, unitOfWork: this.unitOfWork, system: this.system, logger });
    this.relay.tell(() => this.feed.wake());
    this.callers = callersOf(definition, this.broker);
    this.admission = admissionOf(config, pools.app, logger);
    this.observeParts();
  }

  private observeParts(): void {
    const { metrics, reconciliation, snapshots } = this;
    metrics.observeAdmission(this.admission);
    const add = (name: string, help: string, read: () => number): void =>
      metrics.observe(`clarity_copies_${name}`, help, read);
    add('drift_found_total', "Rows of read copies that differed from their owner's", () => reconciliation.driftFound);
    add('drift_healed_total', 'Of these, rows that were made good', () => reconciliation.driftHealed);
    add('unheard_references', 'References to what was never heard of', () => snapshots.unheardReferences);
  }
}

/**
 * For statements that are planned while their table is empty, when to read all of it looks best, and then kept for hours:
 * a day's part of the log is empty at midnight, the outbox nearly always.
 */
const byIndex = '-c enable_seqscan=off';

/** Connections of the two roles of a service. */
function openPools({ name, config }: ServiceDefinition, logger: Logger): Readonly<Record<'app' | 'system', pg.Pool>> {
  const onError = (err: Error): void => logger.warn({ err }, 'lost a connection to the database');
  const { DATABASE_POOL_SIZE: max } = config;
  return {
    app: createPool({ url: config.DATABASE_URL, name, max, onError }),
    system: createPool({
      url: config.SYSTEM_DATABASE_URL,
      name: `${name} system`,
      max,
      session: { options: byIndex },
      onError,
    }),
  };
}

const admissionOf = (
  { REQUESTS_AT_ONCE, REQUEST_TIMEOUT }: ServiceConfig,
  pool: pg.Pool,
  logger: Logger,
): AdmissionQueue =>
  new AdmissionQueue({
    atOnce: () => REQUESTS_AT_ONCE,
    isScarce: () => pool.waitingCount > 0,
    timeout: REQUEST_TIMEOUT * 1_000,
    onOverload: () => logger.warn('more is asked than can be done: requests are refused'),
  });

function callersOf({ name, config }: ServiceDefinition, broker: Broker): SharedLimit | undefined {
  const quota = config.REQUEST_LIMIT_PER_CALLER;
  return quota === 0
    ? undefined
    : new SharedLimit(broker, limitSubject(name), new RequestLimit({ policy: 'caller', quota }));
}

/** What every service keeps copies of, that its requests can be authorized. */
function authorizationCopiesOf(name: ServiceName): Copies {
  const copies = new Copies();
  if (!authorizesByCopies(name)) return copies;
  copies.add(users, profiles, revokedSessions);
  if (topology[name].reads.includes('licensing')) copies.add(licenses);
  return copies;
}

function keySourceOf({ config, keys }: ServiceDefinition, system: SystemUnitOfWork): KeySource {
  if (keys) return () => keys(system);
  if (config.IDENTITY_URL === undefined) throw new Error('Bad settings in the environment: IDENTITY_URL is required');
  return remoteKeys(config.IDENTITY_URL);
}
