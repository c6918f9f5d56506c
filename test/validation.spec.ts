import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import type { Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import fc from 'fast-check';
import { isAccepted } from '../libs/common/src/http/accepted.js';
import { CreateFunction } from '../services/conversations/src/functions/dto/function-body.js';
import { CreateMessage } from '../services/conversations/src/messages/dto/message-body.js';
import { CustomerChange, CustomerInput } from '../services/crm/src/customers/dto/customer.dto.js';
import { AddLlmApiKey } from '../services/identity/src/llm-api-keys/dto/llm-api-key.dto.js';
import { PutPreference } from '../services/identity/src/preferences/dto/put-preference.dto.js';
import { RenewLicense } from '../services/licensing/src/licenses/dto/renew-license.dto.js';
import { ValidateLicense } from '../services/licensing/src/licenses/dto/validate-license.dto.js';

const id = '0198c0de-0000-7000-8000-000000000001';

/** Bodies that are right, each with its class. */
const right: readonly (readonly [type: Type<object>, body: object])[] = [
  [
    CustomerInput,
    {
      firstName: 'Ada',
      lastName: 'Lovelace',
      name: 'Ada L.',
      emails: [{ email: 'ada@example.com', isPrimary: true }, { email: 'ada@work.example' }],
      phones: [
        { phone: '+44 20 7946 0123', type: 'work' },
        { phone: '+44 20 7946 0124', type: null, isPrimary: false },
      ],
      addresses: [{ addressLine1: '1 High Street', addressLine2: null, city: 'London', state: 'London' }],
      organizationIds: [id],
    },
  ],
  [CustomerChange, { firstName: 'Ada' }],
  [CreateFunction, { name: 'f', description: null, code: 'return 1', parameters: { type: 'object' } }],
  [CreateMessage, { messageContent: 'hello', role: 'user' }],
  [AddLlmApiKey, { provider: 'openai', apiKey: 'sk-1234567890' }],
  [PutPreference, { preferenceKey: 'theme', preferenceValue: { dark: [true] } }],
  [RenewLicense, { duration: 'P1Y', from: 'now', expirationDate: null }],
  [ValidateLicense, { licenseKey: id, organizationId: id, modules: ['crm'] }],
];

const anything = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, '', ' ', 'crm', 'a@b.example', id, {}, [], [null], [[]], [id, id], ['', 1]),
  fc.constantFrom<unknown>(0, -1, 1.5, true, false, 'x'.repeat(201), 'x'.repeat(501), new Date(0), { email: 1 }),
  fc.jsonValue({ maxDepth: 2 }),
);

type Path = readonly (string | number)[];

/** Every place in a body, with one that it lacks. */
function placesIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const inside = Object.entries(value).flatMap(([key, item]) => placesIn(item, [...path, key]));
  return [...(path.length > 0 ? [path] : []), ...inside, [...path, 'unheardOf']];
}

function withChange(body: object, path: Path, value: unknown): object {
  const [key, ...rest] = path as [string, ...string[]];
  const inside = (body as Record<string, unknown>)[key];
  const copy = (Array.isArray(body) ? [...body] : { ...body }) as Record<string, unknown>;
  copy[key] = rest.length > 0 ? withChange((inside ?? {}) as object, rest, value) : value;
  return copy;
}

const isRight = (instance: object): boolean =>
  validateSync(instance, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true }).length === 0;

describe.each(right)('what is accepted as %p', (type, body) => {
  const instanceOf = (plain: object): object => plainToInstance(type, plain);

  it('is what class-validator finds nothing wrong with', () => {
    expect(isAccepted(instanceOf(body))).toBe(true);
    const outcomes = new Set<boolean>();
    fc.assert(
      fc.property(fc.constantFrom(...placesIn(body)), anything, (path, value) => {
        const changed = withChange(body, path, value);
        const accepted = isAccepted(instanceOf(changed));
        outcomes.add(accepted);
        expect(accepted).toBe(isRight(instanceOf(changed)));
      }),
      { numRuns: 600 },
    );
    expect(outcomes).toEqual(new Set([true, false]));
  });
});
