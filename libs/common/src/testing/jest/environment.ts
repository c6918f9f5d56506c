import { ModernFakeTimers } from '@jest/fake-timers';

/**
 * An environment of Jest without a realm of its own: a test file runs among the globals of its worker, as the code that it
 * tests does when it ships.
 */
export default class ProcessEnvironment {
  readonly global = globalThis;
  readonly fakeTimers = null;
  readonly fakeTimersModern: ModernFakeTimers;
  private readonly exit = process.exit;

  constructor({ projectConfig }: { projectConfig: ConstructorParameters<typeof ModernFakeTimers>[0]['config'] }) {
    this.fakeTimersModern = new ModernFakeTimers({ config: projectConfig, global: globalThis });
  }

  async setup(): Promise<void> {}

  /** Jest wraps `process.exit` once for each file. */
  async teardown(): Promise<void> {
    this.fakeTimersModern.dispose();
    process.exit = this.exit;
  }

  getVmContext(): null {
    return null;
  }

  exportConditions(): string[] {
    return ['node', 'node-addons'];
  }
}
