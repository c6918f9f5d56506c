import { sep } from 'node:path';
import Sequencer from '@jest/test-sequencer';

/** The longest files. Beside one that keeps both processors busy runs one that mostly waits. */
const longest = [
  'test/chaos',
  'test/membership',
  'test/signing-keys',
  'test/walls/walls',
  'libs/common/test/relay',
  'services/conversations/test/faults',
  'services/identity/test/passwords',
  'stack/stack',
  'test/observability',
  'services/identity/test/oidc',
  'test/journey',
  'libs/common/test/parking',
  'test/two-leaders',
  'libs/common/test/operations',
];
const startOf = `${sep}dist${sep}`;

/** Long files first. At the end, the last of them would leave all workers but one idle. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const place = ({ path }) => {
      const file = path.slice(path.lastIndexOf(startOf) + startOf.length).replaceAll(sep, '/');
      const index = longest.indexOf(file.replace(/\.spec\.js$/, ''));
      return index < 0 ? longest.length : index;
    };
    return super.sort(tests).toSorted((a, b) => place(a) - place(b));
  }
}
