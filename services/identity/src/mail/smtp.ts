import { createTransport } from 'nodemailer';
import { Injectable } from '@nestjs/common';
import { IdentityConfig } from '../identity.config.js';

/** Connections to the mail server at most. */
const connections = 3;
/** Milliseconds for a step of the conversation with it. */
const stepTimeout = 10_000;

export interface SentMail {
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** The part of an error of SMTP that may be logged: answers of servers repeat addresses. */
export interface MailFailure {
  readonly code: string;
  readonly responseCode: number | undefined;
  /** Whether no further attempt would help: the server refuses this recipient or this message. */
  readonly final: boolean;
}

/** The mail server; undefined transport where none is configured. */
@Injectable()
export class Smtp {
  /** Its host, without the credentials; null where none is configured. */
  readonly host: string | null;
  private readonly transport;
  private readonly from: string;

  constructor({ SMTP_URL, MAIL_FROM }: IdentityConfig) {
    this.from = MAIL_FROM;
    this.host = SMTP_URL === undefined ? null : new URL(SMTP_URL).host;
    this.transport =
      SMTP_URL === undefined
        ? undefined
        : createTransport({
            url: SMTP_URL,
            pool: true,
            maxConnections: connections,
            maxRequeues: 0,
            connectionTimeout: stepTimeout,
            greetingTimeout: stepTimeout,
            socketTimeout: stepTimeout,
            dnsTimeout: stepTimeout,
            disableFileAccess: true,
            disableUrlAccess: true,
          });
  }

  /** Null once the server has taken the mail. */
  async send(mail: SentMail, signal: AbortSignal): Promise<MailFailure | null> {
    const { id, to, subject, text, html } = mail;
    const domain = this.from.slice(this.from.lastIndexOf('@') + 1).replace('>', '');
    try {
      await this.transport!.sendMail({
        from: this.from,
        to: { name: '', address: to },
        subject,
        text,
        html,
        messageId: `<${id}@${domain}>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
        signal,
      });
      return null;
    } catch (error) {
      const { code = 'unknown', responseCode } = error as { code?: string; responseCode?: number };
      const aboutThisMail = code === 'EENVELOPE' || code === 'EMESSAGE';
      return { code, responseCode, final: aboutThisMail && (responseCode ?? 0) >= 500 };
    }
  }

  close(): void {
    this.transport?.close();
  }
}
