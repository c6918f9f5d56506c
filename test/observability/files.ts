import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** The files by which a cluster's operator watches it. */
export const folder = 'infra/observability';

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly guide: string };
}

interface Source {
  readonly uid?: string;
}

export interface Panel {
  readonly title: string;
  readonly datasource: Source;
  readonly targets: readonly { readonly expr?: string; readonly datasource: Source }[];
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- files of any shape
export const yaml = (path: string): any => parse(readFileSync(join(folder, path), 'utf8'), { merge: true });

export const alerts = (): Alert[] =>
  yaml('prometheus/alerts.yml').groups.flatMap(({ rules }: { rules: Alert[] }) => rules);

const dashboards = join(folder, 'grafana', 'dashboards');

export const readDashboards = (): Dashboard[] =>
  readdirSync(dashboards).map((name) => JSON.parse(readFileSync(join(dashboards, name), 'utf8')) as Dashboard);
