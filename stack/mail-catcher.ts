import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { callbackify } from 'node:util';
import { simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { type CaughtMail, listPage, mailPage } from './mail-pages.js';
import { loopback } from './ports.js';

/** Mails that are kept, and bytes of each: what is caught fits into some 25 MB. */
const kept = 200;
const mailBytes = 128 * 1024;

export interface MailPorts {
  /** 0 takes a free one. */
  readonly smtp: number;
  readonly page: number;
  /** Address on which both listen; only this machine reaches them by default. */
  readonly host?: string;
}

/** Shown in a frame without rights: neither scripts nor anything from elsewhere, and links open in another window. */
const contentPolicy =
  "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'";

/** Takes every mail, delivers none, and shows the newest ones: to people on a page, to programs at `GET /mails`. */
export class MailCatcher {
  readonly #mails: CaughtMail[] = [];
  readonly #smtp: SMTPServer;
  readonly #http: Server;

  private constructor() {
    this.#smtp = new SMTPServer({
      authOptional: true,
      disabledCommands: ['AUTH', 'STARTTLS'],
      disableReverseLookup: true,
      size: mailBytes,
      rejectOversized: true,
      maxClients: 50,
      closeTimeout: 500,
      logger: false,
      onData: callbackify((stream: SMTPServerDataStream, session: SMTPServerSession) => this.#take(stream, session)),
    });
    this.#smtp.on('error', () => undefined);
    this.#http = createServer((request, response) => this.#answer(request, response));
  }

  static async start({ smtp, page, host = loopback }: MailPorts): Promise<MailCatcher> {
    const catcher = new MailCatcher();
    await new Promise<void>((resolve, reject) => {
      catcher.#smtp.server.once('error', reject);
      catcher.#smtp.listen(smtp, host, resolve);
    });
    await new Promise<void>((resolve, reject) => catcher.#http.once('error', reject).listen(page, host, resolve));
    return catcher;
  }

  /** Where mail is to be sent. */
  get smtp(): string {
    return `smtp://${loopback}:${(this.#smtp.server.address() as AddressInfo).port}`;
  }

  /** Where it is to be seen. */
  get page(): string {
    return `http://${loopback}:${(this.#http.address() as AddressInfo).port}`;
  }

  /** The newest first; only those to one address, if it is given. */
  mails(to?: string): CaughtMail[] {
    const wanted = to?.toLowerCase();
    return this.#mails.filter((mail) => wanted === undefined || mail.to.includes(wanted));
  }

  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    await Promise.all([
      new Promise((resolve) => this.#http.close(resolve)),
      new Promise<void>((resolve) => this.#smtp.close(resolve)),
    ]);
  }

  async #take(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<void> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size <= mailBytes) chunks.push(chunk);
    }
    if (size > mailBytes) return;
    const { subject = '', text = '', html, from } = await simpleParser(Buffer.concat(chunks));
    this.#mails.unshift({
      id: randomUUID(),
      caughtAt: new Date().toISOString(),
      from: from?.text ?? '',
      to: session.envelope.rcptTo.map(({ address }) => address.toLowerCase()),
      subject,
      text,
      html: html || null,
    });
    this.#mails.splice(kept);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const send = (status: number, type: string, body: string, headers: Readonly<Record<string, string>> = {}) => {
      response.writeHead(status, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store', ...headers });
      response.end(body);
    };
    // A page of another site may give itself a name that leads here, and would then read what it likes.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? ''))
      return send(421, 'text/plain', 'Not here');
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, 'text/plain', 'Only GET');
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://catcher');
    const [, first, id, form] = pathname.split('/');
    const json = (value: unknown) => send(200, 'application/json', JSON.stringify(value));
    if (pathname === '/') return send(200, 'text/html', listPage(this.#mails));
    if (pathname === '/health/ready') return json({ status: 'ok' });
    if (pathname === '/mails') return json({ data: this.mails(searchParams.get('to') ?? undefined) });
    const mail = this.#mails.find((one) => one.id === id);
    if (!mail || (first !== 'mails' && first !== 'view')) return send(404, 'text/plain', 'There is no such mail');
    if (first === 'view') return send(200, 'text/html', mailPage(mail));
    if (form === undefined) return json(mail);
    const html = `<base target="_blank">${mail.html ?? ''}`;
    return send(200, 'text/html', html, { 'content-security-policy': contentPolicy });
  }
}
