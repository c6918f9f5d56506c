/** What `@jest/globals` promises, as the file that runs has it: modules that are shared by several files import it once. */
const forwarded = (name: string): unknown => {
  const current = (): any => (globalThis as any)[name];
  return new Proxy(function forward() {}, {
    apply: (_target, _self, args) => current()(...args),
    get: (_target, key) => current()[key],
  });
};

export const afterAll = forwarded('afterAll');
export const afterEach = forwarded('afterEach');
export const beforeAll = forwarded('beforeAll');
export const beforeEach = forwarded('beforeEach');
export const describe = forwarded('describe');
export const expect = forwarded('expect');
export const it = forwarded('it');
export const jest = forwarded('jest');
