import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';
import type ProcessEnvironment from './environment.js';

register('./globals-hook.js', import.meta.url);

const require = createRequire(import.meta.url);
const eventHandlers = Symbol.for('EVENT_HANDLERS');
const testTimeout = Symbol.for('TEST_TIMEOUT_SYMBOL');
const globals = globalThis as Record<PropertyKey, unknown>;
let files = 0;

/**
 * A runtime of Jest that leaves modules to Node. Jest's own loads all of them anew for each test file, in a realm where
 * nothing has been compiled yet: an eighth of a run's time, and Node's modules in realms are an experiment. Here the files
 * of one worker share what they import; a test file itself runs once for each time that it is asked for. What a file
 * changes of the process, it puts back.
 *
 * Modules cannot be mocked, and no coverage is taken.
 */
export default class SharedModules {
  constructor(_config: object, { fakeTimersModern: timers }: ProcessEnvironment) {
    globals['jest'] = {
      useFakeTimers: () => timers.useFakeTimers(),
      useRealTimers: () => timers.useRealTimers(),
      advanceTimersByTime: (milliseconds: number) => timers.advanceTimersByTime(milliseconds),
      setTimeout: (milliseconds: number) => void (globals[testTimeout] = milliseconds),
    };
  }

  unstable_shouldLoadAsEsm(): boolean {
    return true;
  }

  unstable_importModule(path: string): Promise<unknown> {
    return import(`${pathToFileURL(path).href}?file=${(files += 1)}`);
  }

  requireModule(path: string): unknown {
    return require(path);
  }

  /** The framework, begun anew for each file. */
  requireInternalModule(path: string): unknown {
    for (const left of [eventHandlers, testTimeout]) delete globals[left];
    delete require.cache[path];
    return require(path);
  }

  setGlobalsForRuntime(provided: object): void {
    Object.assign(globals, provided);
  }

  getSourceMaps(): Map<string, string> {
    return new Map();
  }

  getAllCoverageInfoCopy(): undefined {}

  enterTestCode(): void {}

  leaveTestCode(): void {}

  teardown(): void {}
}
