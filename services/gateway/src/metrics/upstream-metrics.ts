import type { Metrics, Sample } from '#common/observability/index';
import type { Upstream } from '../proxy/upstream.js';
import type { Upstreams } from '../proxy/upstreams.js';

/** Tells Prometheus of the services behind the gateway. */
export function observeUpstreams(metrics: Metrics, { all }: Upstreams): void {
  const durations = metrics.durations('clarity_gateway_upstream_seconds', 'Seconds until a service began its answer', [
    'upstream',
  ]);
  for (const upstream of all) {
    const duration = durations.labels(upstream.name);
    upstream.tell((seconds) => duration.observe(seconds));
  }
  const each = (read: (upstream: Upstream) => number): Sample[] =>
    all.map((upstream) => ({ labels: { upstream: upstream.name }, value: read(upstream) }));
  const add = (name: string, help: string, read: (upstream: Upstream) => number): void =>
    metrics.observe(`clarity_gateway_upstream_${name}`, help, () => each(read), ['upstream']);
  add('requests', 'Requests to a service that are under way', ({ admission }) => admission.workingCount);
  add('waiting', 'Requests to a service that wait for their turn', ({ admission }) => admission.waitingCount);
  add('overloaded_total', 'Requests to a service refused for overload', ({ admission }) => admission.refused);
  add('failures_total', 'Requests that a replica did not answer', ({ failures }) => failures);
  const countOf = ({ name, replicas }: Upstream, state: 'up' | 'down'): Sample => ({
    labels: { upstream: name, state },
    value: replicas.filter(({ isDown }) => isDown === (state === 'down')).length,
  });
  metrics.observe(
    'clarity_gateway_replicas',
    'Replicas of a service that are asked, and those that have failed and do not live again yet',
    () => all.flatMap((upstream) => [countOf(upstream, 'up'), countOf(upstream, 'down')]),
    ['upstream', 'state'],
  );
}
