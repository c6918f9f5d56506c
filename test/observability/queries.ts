import { parser } from '@prometheus-io/lezer-promql';

/** What a query in PromQL asks for. */
export interface Query {
  readonly isValid: boolean;
  readonly metrics: readonly string[];
}

/** Grafana puts these in before it asks. */
const variables: readonly (readonly [string, string])[] = [
  ['$__rate_interval', '1m'],
  ['$__range', '3h'],
];

export function readQuery(text: string): Query {
  const query = variables.reduce((replaced, [name, value]) => replaced.replaceAll(name, value), text);
  const metrics: string[] = [];
  let isValid = true;
  parser.parse(query).iterate({
    enter: ({ type, from, to, node }) => {
      if (type.isError) isValid = false;
      if (type.name === 'Identifier' && node.parent?.type.name === 'VectorSelector')
        metrics.push(query.slice(from, to));
    },
  });
  return { isValid, metrics };
}

/** The names of all samples that a process tells, or would tell. */
export function sampleNames(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\S+) (\w+)$/gm)].flatMap(([, name, type]) =>
    type === 'histogram'
      ? [`${name}_bucket`, `${name}_sum`, `${name}_count`]
      : type === 'summary'
        ? [name!, `${name}_sum`, `${name}_count`]
        : [name!],
  );
}
