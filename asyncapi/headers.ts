import type { EventContractOptions } from '#common/contracts/index';
import type { Schema } from '#common/openapi/index';

const text = (description: string, keywords: Schema = {}): Schema => ({ type: 'string', description, ...keywords });
const counting = (description: string): Schema => text(description, { pattern: '^[1-9][0-9]*$' });
const uuid = { format: 'uuid' };

const always = {
  'ce-specversion': { type: 'string', const: '1.0' },
  'ce-id': text('Of this event; the same whenever it is delivered again.', uuid),
  'ce-source': text('The service that owns it.', { format: 'uri-reference' }),
  'ce-type': text('The subject.'),
  'ce-subject': text('Id of the aggregate that it is about.', uuid),
  'ce-time': text('When it became true, in UTC.', { format: 'date-time' }),
  'ce-dataschema': text('Names the schema of the data.', { format: 'uri-reference' }),
  'ce-sequence': counting('Position in the log of its source, without gaps.'),
  'ce-epoch': counting(
    'Goes up when the database of its source was restored to an earlier point; comes before the sequence.',
  ),
  'ce-aggregateversion': counting('Goes up by one with each event of the aggregate.'),
};

const sometimes = {
  'ce-organizationid': text('The organization that it concerns, where there is one.', uuid),
  'ce-actorid': text('The user who did it, where it was one.', uuid),
  'ce-traceparent': text('W3C trace context of the request that made it.'),
  'Clarity-Replay': text('Present when it is published again after a stream was lost.', { const: 'true' }),
};

/** The attributes of CloudEvents 1.0 as headers of a NATS message, in binary mode. */
export const cloudEventHeaders: Schema = {
  type: 'object',
  description: 'CloudEvents 1.0 in binary mode. NATS headers are texts, so numbers are decimal.',
  required: ['content-type', ...Object.keys(always)],
  properties: { 'content-type': { type: 'string', const: 'application/json' }, ...always, ...sometimes },
};

/** The headers of one event type. */
export const headersOf = ({ source, type, version }: EventContractOptions): Schema => ({
  allOf: [
    { $ref: '#/components/schemas/CloudEventHeaders' },
    {
      type: 'object',
      properties: {
        'ce-source': { const: `/clarity/${source}` },
        'ce-type': { const: type },
        'ce-dataschema': { const: `/clarity/schemas/${type}/${version}` },
      },
    },
  ],
});
