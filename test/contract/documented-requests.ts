import { routeOf } from '../../services/gateway/src/routes.js';
import { type Answered, askUntilHeard } from '../walls/asking.js';
import type { Kind } from '../walls/kinds.js';
import { requestFor } from '../walls/requests/index.js';
import type { World } from '../walls/world.js';
import { Contract, type Operation } from './contract.js';

type Documented = ReturnType<Contract['operations']>[number];

/** Who may call: by what the document says. */
function kindOf({ security, ...operation }: Operation): Kind {
  if (security.length === 0) return 'none';
  if (operation['x-callers'] === 'signed-in') return 'member';
  return operation['x-role'] === 'platform_admin' ? 'platform' : 'owner';
}

/** Examples that only stand for what another answer would have told. */
const opaque = new Set(['cursor', 'after', 'last-event-id']);

/** Sends every request that the document describes through the gateway, and is told what is wrong with the answers. */
export class DocumentedRequests {
  private readonly contract = new Contract();
  readonly faults: string[] = [];
  sent = 0;

  constructor(private readonly world: World) {}

  async run(): Promise<this> {
    for (const documented of this.contract.operations()) {
      await this.asExample(documented);
      await this.refused(documented);
    }
    return this;
  }

  /** The document's example about rows that there are; it must be taken for a good request. */
  private async asExample({ method, path, operation }: Documented): Promise<void> {
    const { world } = this;
    const kind = kindOf(operation);
    const route = `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
    const application = routeOf(path.replace('{source}', 'crm'))?.[1] ?? 'gateway';
    const prepare = requestFor({ application, route });
    const prepared = await prepare({ world, kind, name: 'b', tenant: world.b, isRefused: false });
    const token =
      prepared.token ?? (kind === 'platform' ? world.tokenOf(kind) : world.personOfB(kind)?.session.access_token);
    const target = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(prepared.params![name]!));
    const query = new URLSearchParams();
    for (const { name, in: place, example } of operation.parameters) {
      if (place === 'query' && example !== undefined && !opaque.has(name)) query.set(name, String(example));
    }
    new URLSearchParams(prepared.query).forEach((value, name) => query.set(name, value));
    const content = operation.requestBody?.content['application/json'];
    const body = content && JSON.stringify(content.example);
    const answer = await this.send(route, { method, target: `${target}?${query.toString()}`, body }, token);
    if (answer.status === 400 && /"validation_failed"/.test(answer.text))
      this.tell(route, 'its example is refused', answer);
  }

  /** Without a token, by somebody of too low a role, and with a body that nobody takes. */
  private async refused({ method, path, operation }: Documented): Promise<void> {
    const route = `${method} ${path}`;
    const target = operation.parameters
      .filter((one) => one.in === 'path')
      .reduce((filled, { name, example }) => filled.replace(`{${name}}`, String(example)), path);
    const body = operation.requestBody && '{}';
    const kind = kindOf(operation);
    if (kind !== 'none') {
      const answer = await this.send(route, { method, target, body });
      if (answer.status !== 401) this.tell(route, 'nobody is not asked for a token', answer);
    }
    if (operation['x-role'] !== undefined) {
      const valid = operation.requestBody && JSON.stringify(operation.requestBody.content['application/json']!.example);
      const answer = await this.send(route, { method, target, body: valid }, this.world.tokenOf('outsider'));
      if (![400, 403, 404].includes(answer.status)) this.tell(route, 'an outsider is let in', answer);
    }
    if (operation.requestBody) {
      const answer = await this.send(route, { method, target, body: '[1]' }, this.world.tokenOf(kind));
      if (answer.status !== 400) this.tell(route, 'a list is taken for a body', answer);
    }
  }

  private async send(route: string, request: Parameters<typeof askUntilHeard>[1], token?: string): Promise<Answered> {
    this.sent += 1;
    const answer = await askUntilHeard(this.world.urlOf('gateway'), request, token);
    this.faults.push(...this.contract.faultsOf(route, answer));
    return answer;
  }

  private tell(route: string, fault: string, { status, text }: Answered): void {
    this.faults.push(`${route}: ${fault}: ${status} ${text.slice(0, 300)}`);
  }
}
