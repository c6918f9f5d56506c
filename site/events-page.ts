import { readFileSync } from 'node:fs';
import { escaped, type Html, type Link, prose } from './html.js';

interface Schema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly description?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly examples?: readonly unknown[];
}

interface Channel {
  readonly address: string;
  readonly summary: string;
  readonly tags: readonly [{ readonly name: string }];
  readonly 'x-stream': string;
  readonly 'x-readers': readonly string[];
}

/** What this page takes from the AsyncAPI document. */
interface EventsDocument {
  readonly info: { readonly tags: readonly { readonly name: string; readonly description: string }[] };
  readonly channels: Readonly<Record<string, Channel>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** What values a schema takes, in words. */
function typeOf({ type = [], format, enum: values, const: only, items }: Schema): string {
  if (only !== undefined) return JSON.stringify(only);
  if (values) return values.map((value) => JSON.stringify(value)).join(' | ');
  const names = [type].flat().map((name) => (name === 'array' && items ? `${typeOf(items)}[]` : name));
  return names.map((name) => (name === 'string' && format ? format : name)).join(' | ');
}

/** A row for each field, those of the items of lists after their list. */
function rows({ properties = {}, required = [] }: Schema, prefix = ''): Html {
  return Object.entries(properties)
    .map(([name, field]) => {
      const optional = required.includes(name) ? '' : ' <em>optional</em>';
      const own = `<td><code>${escaped(prefix + name)}</code>${optional}</td><td>${escaped(typeOf(field))}</td>`;
      const items = field.items ? rows(field.items, `${prefix}${name}[].`) : '';
      return `<tr>${own}<td>${prose(field.description ?? '')}</td></tr>${items}`;
    })
    .join('');
}

const table = (schema: Schema): Html =>
  `<table><thead><tr><th>Field</th><th>Type</th><th></th></tr></thead><tbody>${rows(schema)}</tbody></table>`;

const section = ({ address, summary }: Channel, payload: Schema): Html => `
<h3 id="${address}"><a href="#${address}">${address}</a></h3>
<p>${prose(summary)}</p>
${table(payload)}
<pre><code>${escaped(JSON.stringify(payload.examples?.[0], null, 2))}</code></pre>`;

const introduction: Html = `
<h1>Events</h1>
<p>Every event of every service. The subject in NATS is the event type, the body its data as JSON, and the headers are the
attributes of CloudEvents 1.0. A published type only ever gains optional fields: ignore those that you do not know.</p>
<p>The same for machines: <a href="/asyncapi.json">/asyncapi.json</a> (AsyncAPI 3.1). How to listen:
<a href="/docs/guides/events">events for subscribers</a>.</p>
<h2 id="headers">Headers</h2>`;

/** The reference of events, out of the AsyncAPI document. */
export function eventsPage(file: string): { body: Html; contents: Link[] } {
  const { info, channels, components } = JSON.parse(readFileSync(file, 'utf8')) as EventsDocument;
  const sources = info.tags.map((tag) => ({
    ...tag,
    own: Object.entries(channels).filter(([, channel]) => channel.tags[0].name === tag.name),
  }));
  const sections = sources.map(({ name, description, own }) => {
    const { 'x-stream': stream, 'x-readers': readers } = own[0]![1];
    const intro = `<h2 id="${name}">${name}</h2>
<p>${description} Stream <code>${stream}</code>, source <code>/clarity/${name}</code>. Inside Clarity,
${readers.join(', ')} act on its events.</p>`;
    return intro + own.map(([key, channel]) => section(channel, components.schemas[key]!)).join('');
  });
  return {
    body: introduction + table(components.schemas['CloudEventHeaders']!) + sections.join(''),
    contents: [
      { title: 'Headers', href: '#headers' },
      ...sources.flatMap(({ name, own }) => [
        { title: name, href: `#${name}`, isHead: true },
        ...own.map(([, { address }]) => ({ title: address, href: `#${address}` })),
      ]),
    ],
  };
}
