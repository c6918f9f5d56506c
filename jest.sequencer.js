import { sep } from 'node:path';
import Sequencer from '@jest/test-sequencer';

const wholeStack = `${sep}dist${sep}test${sep}`;

/** The files that start whole stacks take longest. At the end, the last of them would leave all workers but one idle. */
export default class WholeStackFirst extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    const isFirst = ({ path }) => path.includes(wholeStack);
    return [...sorted.filter(isFirst), ...sorted.filter((test) => !isFirst(test))];
  }
}
