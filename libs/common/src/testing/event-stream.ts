import { type ClientRequest, type IncomingMessage, request } from 'node:http';

export interface StreamedEvent {
  readonly id: string;
  readonly type: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read events of any shape
  readonly data: any;
}

/** A client of server-sent events, as EventSource is one, but for the header that EventSource cannot send. */
export class EventStream {
  readonly events: StreamedEvent[] = [];
  readonly comments: string[] = [];
  /** What `Last-Event-ID` would be. */
  lastEventId: string | undefined;
  isEnded = false;
  /** Raw text that is no whole block yet; all of it for an answer that is no stream. */
  text = '';

  private constructor(
    private readonly sent: ClientRequest,
    readonly response: IncomingMessage,
  ) {
    response.setEncoding('utf8').on('data', (text: string) => this.take(text));
    response.once('close', () => (this.isEnded = true)).on('error', () => undefined);
  }

  /** Resolves with the head of the answer. */
  static open(url: string, path: string, token: string, lastEventId?: string): Promise<EventStream> {
    const headers = {
      accept: 'text/event-stream',
      authorization: `Bearer ${token}`,
      ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
    };
    return new Promise((resolve, reject) => {
      const sent = request(url + path, { headers, agent: false });
      sent.once('response', (response) => resolve(new EventStream(sent, response))).once('error', reject);
      sent.end();
    });
  }

  get status(): number {
    return this.response.statusCode!;
  }

  /** The data of the events of one type, in order. */
  of<Data>(type: string): Data[] {
    return this.events.filter((event) => event.type === type).map(({ data }) => data as Data);
  }

  close(): void {
    this.sent.on('error', () => undefined).destroy();
  }

  private take(text: string): void {
    const blocks = (this.text + text).split('\n\n');
    this.text = blocks.pop()!;
    for (const block of blocks) this.dispatch(block.split('\n'));
  }

  private dispatch(lines: readonly string[]): void {
    const fields = new Map(lines.map((line) => [line.split(':', 1)[0]!, line.replace(/^\w*: ?/, '')] as const));
    this.lastEventId = fields.get('id') ?? this.lastEventId;
    const comment = fields.get('');
    if (comment !== undefined) this.comments.push(comment);
    const data = fields.get('data');
    if (data === undefined) return;
    this.events.push({ id: this.lastEventId ?? '', type: fields.get('event') ?? 'message', data: JSON.parse(data) });
  }
}
