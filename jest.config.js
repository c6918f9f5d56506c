/** Tests run on what the compiler wrote to dist/: the code that ships, without a second transpiler. */
export default {
  rootDir: 'dist',
  testMatch: ['**/*.spec.js'],
  testEnvironment: '<rootDir>/libs/common/src/testing/jest/environment.js',
  runtime: '<rootDir>/libs/common/src/testing/jest/runtime.js',
  transform: {},
  maxWorkers: 2,
  testTimeout: 60_000,
  testSequencer: '<rootDir>/../jest.sequencer.js',
  globalSetup: '<rootDir>/libs/common/src/testing/global-setup.js',
  globalTeardown: '<rootDir>/libs/common/src/testing/global-teardown.js',
};
