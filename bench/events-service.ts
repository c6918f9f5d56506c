import 'reflect-metadata';
import { Controller, Injectable, Module } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { startService } from '#common/bootstrap/index';
import { loadConfig, ServiceConfig } from '#common/config/index';
import { OrganizationUpdated, PreferenceChanged } from '#common/contracts/index';
import { Offers } from '#common/copies/index';
import { SystemUnitOfWork } from '#common/database/index';
import { EventBatch, type EventBatchContext, type EventContext } from '#common/events/index';
import { continueTrace } from '#common/observability/index';

/**
 * A process of the event benchmarks: as `identity` it writes rows with events when it is told to, as `crm` it writes a row for
 * each event that it hears, one by one or a whole batch in one statement.
 */
@Entity('thing')
class Thing {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') name!: string;
}

/** What the parent asks for. */
export interface Work {
  /** Transactions at once. */
  readonly inFlight: number;
  readonly milliseconds: number;
  /** Transactions in a second at most; as many as possible by default. */
  readonly rate?: number;
  /** Events in one transaction. */
  readonly events: number;
  /** Whether the subscriber takes them in batches. */
  readonly batches: boolean;
}

/** Nobody is signed in here; but a subscriber begins with a snapshot of users, and fails while they are not offered. */
const offeredNothing = Object.entries({
  user: ['email', 'emailConfirmed'],
  profile: ['userId', 'organizationId', 'role', 'changedAt'],
  session: ['userId', 'revokedAt'],
}).map(([name, fields]) => ({
  name,
  from: '(SELECT NULL::uuid AS id WHERE false) AS nothing',
  key: 'nothing.id',
  version: '1',
  fields: Object.fromEntries(fields.map((field) => [field, 'NULL::text'])),
}));

@Injectable()
class Writer {
  constructor(
    private readonly system: SystemUnitOfWork,
    offers: Offers,
  ) {
    offers.offer(...offeredNothing);
  }

  async write({ inFlight, milliseconds, rate, events, batches }: Work): Promise<number> {
    const begun = performance.now();
    let written = 0;
    let taken = 0;
    const work = async (): Promise<void> => {
      while (performance.now() - begun < milliseconds) {
        taken += 1;
        const due = rate === undefined ? 0 : begun + (taken * 1_000) / rate - performance.now();
        if (due > 0) await new Promise((resolve) => setTimeout(resolve, due));
        await this.transact(events, batches);
        written += 1;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, work));
    return written;
  }

  private transact(events: number, batches: boolean): Promise<void> {
    return this.system.run({ trace: continueTrace(undefined) }, async (tx) => {
      const things = Array.from({ length: events }, () => ({ id: tx.newId(), name: 'x'.repeat(100) }));
      tx.insert(Thing, things);
      for (const { id, name } of things) {
        if (batches) {
          const data = { preferenceId: id, userId: id, preferenceKey: name, deleted: false };
          tx.emit(PreferenceChanged, { aggregateId: id, version: 1, data });
        } else {
          const data = { organizationId: id, name, isOperator: false };
          tx.emit(OrganizationUpdated, { aggregateId: id, version: 1, data });
        }
      }
    });
  }
}

@Controller()
class EffectsHandler {
  @EventPattern<string>('organization.updated')
  one(@Payload() { name }: OrganizationUpdated, @Ctx() { event, tx }: EventContext): void {
    tx.execute('INSERT INTO effect (event_id, name) VALUES ($1, $2)', [event.id, name]);
  }

  @EventBatch('preference.changed')
  many(@Payload() preferences: PreferenceChanged[], @Ctx() { events, tx }: EventBatchContext): void {
    tx.execute('INSERT INTO effect (event_id, name) SELECT * FROM unnest($1::uuid[], $2::text[])', [
      events.map(({ id }) => id),
      preferences.map(({ preferenceKey }) => preferenceKey),
    ]);
  }
}

@Module({ providers: [Writer], exports: [Writer] })
class WriterModule {}

@Module({ controllers: [EffectsHandler] })
class EffectsModule {}

const name = process.env['BENCH_SERVICE'] === 'identity' ? 'identity' : 'crm';
const { app } = await startService({
  name,
  config: loadConfig(ServiceConfig, process.env),
  configType: ServiceConfig,
  entities: [Thing],
  constraints: {},
  imports: [name === 'identity' ? WriterModule : EffectsModule],
});
process.on('disconnect', () => process.exit(0));
process.on('message', (work: Work) => {
  const writer = app.get(Writer, { strict: false });
  writer.write(work).then(
    (written) => process.send!({ written }),
    (error: unknown) => process.send!({ error: String(error) }),
  );
});
process.send!({ ready: true });
