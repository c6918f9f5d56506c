import { Body, Controller, Delete, Get, HttpCode, Module, Param, Patch, Post, Query } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { IsString, MaxLength } from 'class-validator';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Allow, type RequestContext, SignedIn } from '#common/auth/index';
import { loadConfig, ServiceConfig } from '#common/config/index';
import { EventContract, type OrganizationUpdated } from '#common/contracts/index';
import {
  authorizationCopies,
  copiedDatabase,
  mistakenCaller,
  eventHealing,
  eventTables,
  idempotencyKeys,
  protect,
  secondWall,
  tenantSettings,
  type RequestTx,
  UnitOfWork,
} from '#common/database/index';
import { EventBatch, type EventBatchContext, type EventContext } from '#common/events/index';
import {
  Context,
  Creates,
  type ListRow,
  notFound,
  pageJson,
  PageQuery,
  pageStatement,
  Problem,
} from '#common/http/index';
import type { Define } from '#common/testing/index';

/** A service of one table, built like every other: what the tests of libs/common run. */
export const noteSchema = [
  ...tenantSettings('crm'),
  `CREATE TABLE note (id uuid PRIMARY KEY, organization_id uuid NOT NULL, body text NOT NULL CONSTRAINT note_body UNIQUE,
     created_at timestamptz NOT NULL, version integer NOT NULL DEFAULT 1)`,
  `CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, event_id uuid NOT NULL, sequence bigint NOT NULL, name text)`,
  ...eventTables('crm'),
  ...authorizationCopies('crm', { licenses: true }),
  ...mistakenCaller('crm', { licenses: true }).up,
  ...eventHealing('crm').up,
  ...copiedDatabase.up,
  ...secondWall('crm').up,
  ...idempotencyKeys('crm').up,
  ...protect('crm', 'effect'),
  ...protect('crm', 'note', {
    app: ['SELECT', 'INSERT', 'UPDATE (body, version)', 'DELETE'],
    policies: {
      SELECT: 'organization_id = app.org() OR app.is_admin()',
      INSERT: 'organization_id = app.org()',
      UPDATE: 'organization_id = app.org()',
      DELETE: 'organization_id = app.org()',
    },
  }),
];

@Entity('note')
export class Note {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid', { name: 'organization_id' }) organizationId!: string;
  @Column('text') body!: string;
  @Column('timestamptz', { name: 'created_at' }) createdAt!: Date;
  @Column('integer') version!: number;
}

@EventContract({
  type: 'customer.created',
  source: 'crm',
  version: 1,
  description: 'Stands for any event.',
  example: { noteId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a09', body: 'hello' },
})
export class NoteWritten {
  noteId!: string;
  body!: string;
}

class NoteBody {
  @IsString()
  @MaxLength(100)
  body!: string;
}

const noteJson = `json_build_object('id', n.id, 'organizationId', n.organization_id, 'body', n.body,
  'createdAt', app.iso(n.created_at), 'version', n.version)`;

/** What the work on a note of this text waits for. */
export const gates = new Map<string, Promise<unknown>>();

@Controller('v1/notes')
class NotesController {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  @Post()
  @Allow('member', { module: 'crm' })
  @Creates('/v1/notes/:id')
  async write(@Context() context: RequestContext, @Body() { body }: NoteBody) {
    const note = await this.unitOfWork.run(context, async (tx) => {
      await gates.get(body);
      const note = { id: tx.newId(), organizationId: tx.organizationId, body, createdAt: tx.now, version: 1 };
      tx.insert(Note, note);
      const { id: noteId, organizationId } = note;
      tx.emit(NoteWritten, { aggregateId: noteId, version: 1, organizationId, data: { noteId, body } });
      if (body === 'fail') throw new Problem(409, 'asked_to_fail', 'The note asked for it.');
      return note;
    });
    obey(body);
    return note;
  }

  @Get(':id')
  @Allow('viewer')
  async one(@Context() context: RequestContext, @Param('id') id: string): Promise<string> {
    const text = `SELECT ${noteJson}::text AS item FROM note AS n WHERE n.id = $1`;
    const [row] = await this.unitOfWork.read<{ item: string }>(context, { text, values: [id] });
    if (!row) throw notFound('note');
    return row.item;
  }

  @Patch(':id')
  @Allow('member', { module: 'crm' })
  change(@Context() context: RequestContext, @Param('id') id: string, @Body() { body }: NoteBody) {
    return this.unitOfWork.run(context, async (tx) => {
      const note = await lockNote(tx, id);
      if (body !== 'forget') tx.compare(note);
      const version = note.version + 1;
      tx.update(Note, { id, version: note.version }, { body, version });
      return { ...note, body, version };
    });
  }

  @Delete(':id')
  @HttpCode(204)
  @Allow('member', { module: 'crm' })
  remove(@Context() context: RequestContext, @Param('id') id: string): Promise<void> {
    return this.unitOfWork.run(context, async (tx) => {
      tx.compare(await lockNote(tx, id));
      tx.remove(Note, { id });
    });
  }

  @Post(':id/raise')
  @HttpCode(200)
  @Allow('member', { module: 'crm' })
  raise(@Context() context: RequestContext, @Param('id') id: string) {
    return this.unitOfWork.run(context, async (tx) => {
      const [note] = await tx.query<{ version: number }>(`SELECT version FROM note WHERE id = $1`, [id]);
      if (!note) throw notFound('note');
      tx.update(Note, { id, version: note.version }, { version: note.version + 1 });
      return { version: note.version + 1 };
    });
  }

  @Get()
  @Allow('viewer')
  async list(@Context() context: RequestContext, @Query() query: PageQuery): Promise<string> {
    const item = `json_build_object('id', n.id, 'body', n.body)`;
    const page = pageStatement({ item, from: 'note AS n', alias: 'n', where: 'true' }, query);
    return pageJson(await this.unitOfWork.read<ListRow>(context, page), query);
  }

  @Get('mine')
  @SignedIn()
  mine(@Context() context: RequestContext) {
    return this.unitOfWork.read(context, { text: 'SELECT app.usr() AS "userId", app.org() AS "organizationId"' });
  }
}

async function lockNote(tx: RequestTx, id: string): Promise<{ version: number }> {
  const text = `SELECT ${noteJson} AS note FROM note AS n WHERE n.id = $1 FOR UPDATE`;
  const [row] = await tx.query<{ note: { version: number } }>(text, [id]);
  if (!row) throw notFound('note');
  return row.note;
}

/** Names of events that the handler no longer refuses. */
export const mended = new Set<string>();

/** Set where a replica runs in a process of its own, which an event may end or freeze. */
export const ownProcess = 'HOUSE_OWN_PROCESS';

const signals: Readonly<Record<string, NodeJS.Signals>> = {
  'end the process': 'SIGKILL',
  'freeze the process': 'SIGSTOP',
};

function obey(said: string): void {
  if (signals[said] && process.env[ownProcess]) process.kill(process.pid, signals[said]);
}

/** Writes one row, and emits one event, for each time it runs: a second run of the same event shows. */
@Controller()
class OnOrganizationUpdatedRecord {
  @EventPattern<string>('organization.updated')
  handle(@Payload() { name }: OrganizationUpdated, @Ctx() { event, tx }: EventContext): void {
    tx.execute(`INSERT INTO effect (event_id, sequence, name) VALUES ($1, $2, $3)`, [event.id, event.sequence, name]);
    tx.emit(NoteWritten, {
      aggregateId: event.aggregateId,
      version: event.aggregateVersion,
      data: { noteId: event.id, body: name },
    });
    if (name.startsWith('refuse') && !mended.has(name)) throw new Error(`the handler refuses '${name}'`);
    obey(name);
  }
}

/** Writes the rows of a batch in one statement; how many came at once is their name. */
@Controller()
class OnPreferenceChangedRecord {
  @EventBatch('preference.changed')
  handle(@Payload() data: { readonly bad?: boolean }[], @Ctx() { events, tx }: EventBatchContext): void {
    tx.execute(
      `INSERT INTO effect (event_id, sequence, name) SELECT id, sequence, $3 FROM unnest($1::uuid[], $2::bigint[]) AS e (id, sequence)`,
      [events.map(({ id }) => id), events.map(({ sequence }) => sequence), `${events.length} at once`],
    );
    if (data.some(({ bad }) => bad)) tx.execute('SELECT 1 / $1::int', [0]);
  }
}

@Module({ controllers: [NotesController, OnOrganizationUpdatedRecord, OnPreferenceChangedRecord] })
class NotesModule {}

export const defineNotes: Define = (environment) => ({
  name: 'crm',
  config: loadConfig(ServiceConfig, environment),
  configType: ServiceConfig,
  entities: [Note],
  constraints: { note_body: () => new Problem(409, 'note_exists', 'There is such a note.') },
  imports: [NotesModule],
});
