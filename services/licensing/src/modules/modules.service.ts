import { Injectable } from '@nestjs/common';
import type { RequestContext } from '#common/auth/index';
import { ModuleCreated, ModuleUpdated } from '#common/contracts/index';
import { compactObject, everyOrganization, type RequestTx, timesOf, UnitOfWork } from '#common/database/index';
import { byText, byTime, changedAfter, type ListRow, notFound, pageJson, pageStatement } from '#common/http/index';
import type { CreateModule } from './dto/create-module.dto.js';
import type { ModulesQuery } from './dto/modules-query.dto.js';
import type { UpdateModule } from './dto/update-module.dto.js';
import { Module } from './module.entity.js';

const moduleJson = compactObject({
  id: 'm.id',
  code: 'm.code',
  name: 'm.name',
  ...timesOf('m'),
});

const oneText = `SELECT ${moduleJson}::text AS item FROM modules AS m WHERE m.id = $1`;

/** Whoever may read the catalogue: the members of any organization. */
const audience = { organizations: [everyOrganization] };

interface Item extends Record<string, unknown> {
  readonly item: string;
}

/** The catalogue: read by every member, written by platform admins. */
@Injectable()
export class ModulesService {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async list(context: RequestContext, query: ModulesQuery): Promise<string> {
    const page = pageStatement<ModulesQuery>(
      {
        item: moduleJson,
        from: 'modules AS m',
        alias: 'm',
        where: 'true',
        filters: { code: 'm.code = ?', name: 'm.name = ?', ...changedAfter('m.created_at', 'm.updated_at') },
        sorts: { updatedAt: byTime('m.updated_at'), code: byText('m.code'), name: byText('m.name') },
      },
      query,
    );
    return pageJson(await this.unitOfWork.read<ListRow>(context, page), query);
  }

  async get(context: RequestContext, id: string): Promise<string> {
    const [row] = await this.unitOfWork.read<Item>(context, { text: oneText, values: [id] });
    if (!row) throw notFound('module');
    return row.item;
  }

  create(context: RequestContext, { code, name }: CreateModule): Promise<string> {
    return this.unitOfWork.run(context, async (tx) => {
      const id = tx.newId();
      tx.insert(Module, { id, code, name, createdAt: tx.now, updatedAt: tx.now });
      tx.emit(ModuleCreated, { aggregateId: id, version: 1, data: { moduleId: id, code, name }, audience });
      return this.answer(tx, id);
    });
  }

  update(context: RequestContext, id: string, { name }: UpdateModule): Promise<string> {
    return this.unitOfWork.run(context, async (tx) => {
      const [module] = await tx.query<{ code: string; name: string; version: number }>(
        `SELECT code, name, version FROM modules WHERE id = $1 FOR UPDATE`,
        [id],
      );
      if (!module) throw notFound('module');
      if (tx.isConditional) tx.compare(await this.answer(tx, id));
      if (name !== undefined && name !== module.name) {
        const version = module.version + 1;
        tx.update(Module, { id, version: module.version }, { name, version, updatedAt: tx.now });
        tx.emit(ModuleUpdated, { aggregateId: id, version, data: { moduleId: id, code: module.code, name }, audience });
      }
      return this.answer(tx, id);
    });
  }

  private async answer(tx: RequestTx, id: string): Promise<string> {
    const [row] = await tx.query<Item>(oneText, [id]);
    return row!.item;
  }
}
