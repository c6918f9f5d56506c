import { expect, it } from '@jest/globals';
import { RememberedCallers } from './remembered-callers.js';

it('keeps the clock while answers agree with it, however long they took, and follows one that does not', () => {
  const callers = new RememberedCallers(1_000);
  const ahead = (): number => Math.round((callers.now().getTime() - Date.now()) / 100) * 100;
  const begun = Date.now();
  callers.setClock(new Date(begun), begun, begun + 10_000);
  expect(ahead()).toBe(0);
  callers.setClock(new Date(begun + 60_000), begun, begun + 1_000);
  expect(ahead()).toBe(59_000);
  callers.setClock(new Date(begun + 59_500), begun, begun + 10);
  expect(ahead()).toBe(59_500);
  callers.setClock(new Date(begun - 60_000), begun, begun + 1_000);
  expect(ahead()).toBe(-60_000);
});
