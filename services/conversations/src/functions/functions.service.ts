import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { FunctionCreated, FunctionDeleted, FunctionUpdated } from '#common/contracts/conversations/index';
import { type RequestTx, UnitOfWork } from '#common/database/index';
import { byText, byTime, changedAfter, type ListRow, notFound, pageJson, pageStatement } from '#common/http/index';
import { onlyForCaller } from '../conventions/audience.js';
import type { ChangeFunction, CreateFunction } from './dto/function-body.js';
import { asStored } from './dto/input-schema.js';
import type { FunctionsQuery } from './dto/functions-query.js';
import { type FunctionAnswer, functionJson, functionOwner } from './function.answer.js';
import { StoredFunction } from './function.entity.js';

@Injectable()
export class FunctionsService {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async list(context: RequestContext, query: FunctionsQuery): Promise<string> {
    const page = pageStatement<FunctionsQuery>(
      {
        item: functionJson,
        from: 'functions',
        alias: 'functions',
        where: `${functionOwner} = $1`,
        values: [context.userId],
        filters: { name: 'name = ?', ...changedAfter('created_at', 'updated_at') },
        sorts: { updatedAt: byTime('updated_at'), name: byText('name') },
      },
      query,
    );
    return pageJson(await this.unitOfWork.read<ListRow>(context, page), query);
  }

  async read(context: RequestContext, id: string): Promise<string> {
    const [row] = await this.unitOfWork.read<{ item: string }>(context, {
      text: `SELECT ${functionJson}::text AS item FROM functions WHERE id = $1 AND ${functionOwner} = $2`,
      values: [id, context.userId],
    });
    if (!row) throw notFound('function');
    return row.item;
  }

  create(context: RequestContext, body: CreateFunction): Promise<FunctionAnswer> {
    return this.unitOfWork.run(context, async (tx) => {
      const { userId } = tx.caller;
      const { name, description = null, code } = body;
      const parameters = asStored(body.parameters ?? null);
      const written = { id: tx.newId(), createdBy: userId, userId, name, description, code, parameters };
      tx.insert(StoredFunction, { ...written, createdAt: tx.now, updatedAt: tx.now, version: 1 });
      const created = { ...written, createdAt: tx.nowText, updatedAt: tx.nowText };
      tx.emit(FunctionCreated, stateOf(tx, created, 1));
      return created;
    });
  }

  change(context: RequestContext, id: string, change: ChangeFunction): Promise<FunctionAnswer> {
    return this.unitOfWork.run(context, async (tx) => {
      const { version, stored } = await lock(tx, id);
      tx.compare(stored);
      if (Object.keys(change).length === 0) return stored;
      tx.update(StoredFunction, { id, version }, { ...change, updatedAt: tx.now, version: version + 1 });
      const changed = { ...stored, ...asStored({ ...change }), updatedAt: tx.nowText };
      tx.emit(FunctionUpdated, stateOf(tx, changed, version + 1));
      return changed;
    });
  }

  remove(context: RequestContext, id: string): Promise<void> {
    return this.unitOfWork.run(context, async (tx) => {
      const { version, stored } = await lock(tx, id);
      tx.compare(stored);
      tx.remove(StoredFunction, { id, version });
      tx.emit(FunctionDeleted, {
        aggregateId: id,
        version: version + 1,
        ...onlyForCaller(tx),
        data: { functionId: id, userId: tx.caller.userId },
      });
    });
  }
}

/** Finds the caller's function and holds it until the transaction ends. */
async function lock(tx: RequestTx, id: string): Promise<{ version: number; stored: FunctionAnswer }> {
  const [row] = await tx.query<{ version: number; stored: FunctionAnswer }>(
    `SELECT version, ${functionJson} AS stored FROM functions
     WHERE id = $1 AND ${functionOwner} = $2 FOR UPDATE`,
    [id, tx.caller.userId],
  );
  if (!row) throw notFound('function');
  return row;
}

function stateOf(tx: RequestTx, stored: FunctionAnswer, version: number) {
  const { id, userId, name, description, createdAt, updatedAt } = stored;
  const data = { functionId: id, userId, name, description, createdAt, updatedAt };
  return { aggregateId: id, version, ...onlyForCaller(tx), data };
}
