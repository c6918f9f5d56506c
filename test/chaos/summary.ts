import { checks } from './findings.js';
import { healWithin, type Outcome } from './run.js';

/** Whether a run proves what it is to prove. */
export const isWell = ({ findings, healedAfter }: Outcome): boolean =>
  findings.total === 0 && healedAfter !== undefined && healedAfter <= healWithin;

/** The result of a run for a person to read. */
export function summaryOf(outcome: Outcome, replay: string): string {
  const { findings, faults, requests, events, heard, messages, healedAfter, unsettled } = outcome;
  const healed = healedAfter === undefined ? 'not healed' : `${(healedAfter / 1_000).toFixed(1)} s`;
  const rows: [string, string | number][] = [
    ['requests acknowledged', requests.done],
    ['requests refused', requests.refused],
    ['requests without an answer', requests.unknown],
    ['events logged', events],
    ['events heard by an outsider', `${heard} (${messages} messages)`],
    ...Object.entries(faults).map(([kind, count]): [string, number] => [`fault: ${kind}`, count]),
    ...checks.map((check): [string, number] => [check, findings.count(check)]),
    [`time to heal (${healWithin / 1_000} s allowed)`, healed],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    ...rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    ...(findings.total > 0 ? ['', ...findings.samples()] : []),
    ...(unsettled.length > 0 ? ['', ...unsettled.map((reason) => `not settled: ${reason}`)] : []),
    '',
    isWell(outcome) ? 'Everything is as it must be.' : 'Something is wrong.',
    `To run it again: ${replay}`,
  ].join('\n');
}
