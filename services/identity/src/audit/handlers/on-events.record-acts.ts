import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { EventBatch, type EventBatchContext, type ReceivedEvent } from '#common/events/index';
import { detailOf, recordedTypes } from '../told-fields.js';

/** Files an event that names no organization, such as a change of the catalogue, under that of its actor. */
const recordText = `
  INSERT INTO audit_log (id, organization_id, occurred_at, source, kind, type, target_id, actor_id, by_operator, trace_id, detail)
  SELECT told.id, coalesce(told.organization_id, actor.organization_id), told.at, $1, split_part(told.type, '.', 1),
    told.type, told.target_id, told.actor_id,
    coalesce(actor.role = 'platform_admin', false), told.trace_id, told.detail
  FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::timestamptz[], $8::text[], $9::jsonb[])
    AS told (id, type, target_id, organization_id, actor_id, at, trace_id, detail)
  LEFT JOIN user_profile AS actor ON actor.user_id = told.actor_id
  WHERE coalesce(told.organization_id, actor.organization_id) IS NOT NULL
  ON CONFLICT (id) DO NOTHING`;

const traceIdOf = ({ traceparent }: ReceivedEvent): string | null => traceparent?.split('-')[1] ?? null;

/** Builds the audit log from the events of the other services: every type there is, now and later. */
@Controller()
export class OnEventsRecordActs {
  @EventBatch(...recordedTypes)
  handle(@Payload() data: Record<string, unknown>[], @Ctx() { events, tx }: EventBatchContext): void {
    tx.execute(recordText, [
      events[0]!.source,
      events.map(({ id }) => id),
      events.map(({ type }) => type),
      events.map(({ aggregateId }) => aggregateId),
      events.map(({ organizationId }) => organizationId),
      events.map(({ actorId }) => actorId),
      events.map(({ time }) => time),
      events.map(traceIdOf),
      events.map((event, index) => detailOf(event, data[index]!)),
    ]);
  }
}
