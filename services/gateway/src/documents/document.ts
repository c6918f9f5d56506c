import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Where generated documents are kept, from where this file runs. */
const folder = new URL('../../../../../docs/', import.meta.url);

/** A generated JSON document, served to anybody: small, and only when it is not known yet. */
export class JsonDocument {
  private readonly text: string;
  private readonly etag: string;

  constructor(name: string) {
    this.text = JSON.stringify(JSON.parse(readFileSync(new URL(name, folder), 'utf8')));
    this.etag = `"${createHash('sha256').update(this.text).digest('base64url').slice(0, 22)}"`;
  }

  send({ headers }: FastifyRequest, reply: FastifyReply): void {
    reply.header('etag', this.etag).header('cache-control', 'public, max-age=300');
    if (this.isKnown(headers['if-none-match'])) reply.status(304).removeHeader('content-type').send();
    else reply.send(this.text);
  }

  /** By the weak comparison of RFC 9110 §8.8.3.2. */
  private isKnown(field: string | undefined): boolean {
    const tags = field?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
    return tags?.some((tag) => tag === '*' || tag === this.etag) === true;
  }
}
