import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { eventually, TestStack } from '#common/testing/index';
import { noteSchema } from './house.js';

let stack: TestStack;

beforeAll(async () => {
  stack = await TestStack.start();
  await stack.emptyDatabase('crm', noteSchema);
});

afterAll(() => stack.stop());

it('the stack brings back an older store and an older database', async () => {
  const before = await stack.copyDatabase('crm');
  const crm = await stack.connect('crm');
  await jetstream(crm).publish('customer.created', '{}');
  await stack.stopNats();
  const store = await stack.copyNatsStore();
  await stack.startNats();
  await eventually(() => jetstream(crm).publish('customer.created', '{}'));
  await stack.stopNats();
  await stack.replaceNatsStore(store);
  await stack.startNats();
  const { state } = await (await jetstreamManager(stack.administrator)).streams.info('CRM');
  expect(state.last_seq).toBe(1);
  await stack.sqlAs('crm', 'system', 'UPDATE events.head SET epoch = 7');
  await stack.restoreDatabase('crm', before);
  expect(await stack.sqlAs('crm', 'system', 'SELECT epoch FROM events.head')).toEqual([{ epoch: 1 }]);
});
