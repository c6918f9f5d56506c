/** Tests run on what the compiler wrote to dist/: the code that ships, without a second transpiler. */
export default {
  rootDir: 'dist',
  testMatch: ['**/*.spec.js'],
  testEnvironment: 'node',
  transform: {},
  maxWorkers: 2,
  // A worker keeps much of what each file loaded, and the collector looks through all of it.
  workerIdleMemoryLimit: '512MB',
  testTimeout: 60_000,
  testSequencer: '<rootDir>/../jest.sequencer.js',
  globalSetup: '<rootDir>/libs/common/src/testing/global-setup.js',
  globalTeardown: '<rootDir>/libs/common/src/testing/global-teardown.js',
};
