import type { ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { QueryResultRow } from 'pg';
import { AuthorizationGuard, type Caller, type Identity, type Policy, type RequestContext } from '#common/auth/index';
import { policyKey } from '#common/auth/policy';
import { Connection, withConnection } from '#common/database/connection';
import { toProblem } from '#common/database/errors';
import { RequestTx, type Statement, UnitOfWork } from '#common/database/index';
import { sessionIdOf } from '../../services/identity/test/identity.js';
import type { World } from './world.js';

/** What the guard hands on while the first wall is down; `asker` is who it really was, null for nobody. */
interface Mistaken extends RequestContext {
  readonly asker: Identity | null;
}

const enterText = 'SELECT * FROM app.enter($1, $2, $3, NULL)';

/** A statement as it would be sent for somebody else: with that user and organization, and with every right. */
const mistaken = ({ userId, organizationId }: Caller, { text, ...statement }: Statement): Statement => ({
  ...statement,
  text: text
    .replaceAll('app.org()', `'${organizationId}'::uuid`)
    .replaceAll('app.usr()', `'${userId}'::uuid`)
    .replaceAll('app.is_admin()', 'true'),
});

/**
 * Takes the first wall away while some work lasts: guard, unit of work and every query take whoever asks for the member of
 * A with a platform admin's rights. No role is asked for, no license, no session; each statement is, to the letter and the
 * parameter, one that is meant for A. Only the database is told who it is that asks, by the first statement of the
 * transaction, as always. Who somebody is, both walls have from the token: one that is not good is nobody's.
 */
export function withoutFirstWall(world: World): <T>(work: () => Promise<T>) => Promise<T> {
  const { id: userId, profileId, organizationId, session } = world.a.people.member;
  const sessionId = sessionIdOf(session);
  const a = { userId, sessionId, profileId, organizationId, role: 'platform_admin', isPlatformAdmin: true } as const;
  const [guard, unitOfWork] = [AuthorizationGuard.prototype, UnitOfWork.prototype];
  const { canActivate } = guard;
  const { read, run } = unitOfWork;
  return async (work) => {
    guard.canActivate = function (this: AuthorizationGuard, execution) {
      return letIn(this, execution, { ...a, aal: 'aal2', email: null }, session.access_token);
    };
    unitOfWork.read = function <Row extends QueryResultRow>(context: RequestContext, statement: Statement) {
      return readAs<Row>(this as UnitOfWork, context as Mistaken, mistaken(a, statement));
    };
    unitOfWork.run = function <T>(context: RequestContext, body: (tx: RequestTx) => Promise<T>) {
      return runAs(this as UnitOfWork, context as Mistaken, a, body);
    };
    try {
      return await work();
    } finally {
      guard.canActivate = canActivate;
      Object.assign(unitOfWork, { read, run });
    }
  };
}

/** A’s ids in those statements: that they come back tells nothing of A. */
export const saidByFirstWall = ({ a }: World): string =>
  [a.organizationId, a.people.member.id, a.people.member.profileId].join(' ');

async function letIn(
  guard: AuthorizationGuard,
  execution: ExecutionContext,
  a: Identity,
  token: string,
): Promise<boolean> {
  if (execution.getType() !== 'http') return true;
  const policy = guard['reflector'].get<Policy>(policyKey, execution.getHandler());
  if (policy.kind === 'public') return true;
  const request = execution.switchToHttp().getRequest<FastifyRequest>();
  const given = request.headers.authorization?.slice('Bearer '.length) ?? '';
  const asker = await guard['verifier'].verify(given).catch(() => null);
  const { userId, sessionId, aal, email } = a;
  const context: Mistaken = { userId, sessionId, aal, email, policy, trace: request.trace, asker };
  request.context = context;
  request.headers.authorization = `Bearer ${token}`;
  return true;
}

const enter = ({ asker, organizationId }: Mistaken): Statement => ({
  text: enterText,
  values: [asker?.userId ?? null, asker?.sessionId ?? null, organizationId ?? null],
});

async function readAs<Row extends QueryResultRow>(
  unitOfWork: UnitOfWork,
  context: Mistaken,
  statement: Statement,
): Promise<Row[]> {
  const { pool, constraints } = unitOfWork['options'];
  try {
    const [, result] = await withConnection(pool, (connection) => connection.send([enter(context), statement]));
    return result!.rows as Row[];
  } catch (error) {
    throw toProblem(error, constraints);
  }
}

async function runAs<T>(
  unitOfWork: UnitOfWork,
  context: Mistaken,
  a: Caller,
  body: (tx: RequestTx) => Promise<T>,
): Promise<T> {
  const { pool, schema, constraints, onEvents } = unitOfWork['options'];
  return withConnection(pool, async (connection) => {
    const send = (statements: readonly Statement[]) => connection.send(statements.map((one) => mistaken(a, one)));
    const [, entered] = await connection.send([{ text: 'BEGIN' }, enter(context)]);
    const sending = { send } as unknown as Connection;
    const now = entered!.rows[0]!['at'] as Date;
    const tx = new RequestTx({ connection: sending, schema, now, trace: context.trace, actorId: a.userId }, a);
    try {
      const value = await body(tx);
      await tx.commit();
      onEvents();
      return value;
    } catch (error) {
      await connection.send([{ text: 'ROLLBACK' }]);
      throw toProblem(error, constraints);
    }
  });
}

/** Changes the texts of statements while some work lasts. */
export async function withStatements<T>(change: (text: string) => string, work: () => Promise<T>): Promise<T> {
  const { send } = Connection.prototype;
  Connection.prototype.send = function (this: Connection, statements) {
    return send.call(
      this,
      statements.map((statement) => ({ ...statement, text: change(statement.text) })),
    );
  };
  try {
    return await work();
  } finally {
    Connection.prototype.send = send;
  }
}
