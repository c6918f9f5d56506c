import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { serviceNames } from '#common/contracts/index';
import { type Kind, kinds } from './kinds.js';

/** A service, or the gateway. */
export type Application = string;

export interface Row {
  readonly application: Application;
  /** Method and path. */
  readonly route: string;
  /** The status that each kind of caller is answered with. */
  readonly expected: Readonly<Record<Kind, number>>;
}

export interface RouteOf {
  readonly application: Application;
  readonly route: string;
}

const file = resolve('test', 'walls', 'expected.md');
const everyService = 'every service';

/** The table that says who may do what, row by row. */
export function readTable(text = readFileSync(file, 'utf8')): Row[] {
  const rows: Row[] = [];
  let section = '';
  for (const line of text.split('\n')) {
    section = /^## (.+)$/.exec(line)?.[1] ?? section;
    const [route = '', ...cells] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (!/^[A-Z]+ \//.test(route)) continue;
    const statuses = cells.slice(0, kinds.length).map(Number);
    if (statuses.length < kinds.length || !statuses.every((status) => status >= 200 && status < 600))
      throw new Error(`expected.md: '${route}' takes a status for each of ${kinds.join(', ')}`);
    const expected = Object.fromEntries(kinds.map((kind, index) => [kind, statuses[index]!])) as Row['expected'];
    const applications = section === everyService ? serviceNames : [section];
    rows.push(...applications.map((application) => ({ application, route, expected })));
  }
  return rows;
}

const nameOf = ({ application, route }: RouteOf): string => `${application}: ${route}`;

/** Where the table and the applications differ: routes without a row, rows without a route, and rows that are there twice. */
export function differences(rows: readonly RouteOf[], routes: readonly RouteOf[]): string[] {
  const [said, there] = [rows.map(nameOf), new Set(routes.map(nameOf))];
  return [
    ...[...there].filter((name) => !said.includes(name)).map((name) => `no row for ${name}`),
    ...said.filter((name) => !there.has(name)).map((name) => `no route for the row ${name}`),
    ...said.filter((name, index) => said.indexOf(name) !== index).map((name) => `two rows for ${name}`),
  ];
}
