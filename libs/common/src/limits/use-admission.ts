import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Problem } from '../http/problem.js';
import { sendProblem } from '../http/problem-filter.js';
import { isProbe } from '../observability/request-metrics.js';
import type { AdmissionQueue, Visit } from './admission-queue.js';

/**
 * Puts a queue before every route, which a request passes before its body is read. By what a process is watched is answered also
 * by one that has more to do than it can.
 */
export function useAdmission(app: NestFastifyApplication, queue: AdmissionQueue, logger: Logger): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  fastify.addHook('onRequest', (request, reply, done) => {
    if (isProbe(request.url)) {
      done();
      return;
    }
    const visit = new RequestVisit(request, reply, done, logger);
    reply.raw.once('close', () => queue.leave(visit));
    queue.enter(visit);
  });
}

/**
 * A class, as the getter is then made once. An object literal with one makes a hidden class for each object, which lives until
 * the next full collection, and with it the request that the getter holds: it doubled the price of a read.
 */
class RequestVisit implements Visit {
  private isInside = false;

  constructor(
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly done: (problem?: Problem) => void,
    private readonly logger: Logger,
  ) {}

  get client(): string {
    return this.request.clientAddress;
  }

  start(): void {
    this.isInside = true;
    this.done();
  }

  refuse(problem: Problem): void {
    const { request, reply, logger } = this;
    if (!this.isInside) this.done(problem);
    else if (!reply.sent) sendProblem(problem, request, reply, logger);
  }

  isAnswering(): boolean {
    return this.reply.raw.headersSent;
  }
}
