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
    const visit = visitOf(request, reply, done, logger);
    reply.raw.once('close', () => queue.leave(visit));
    queue.enter(visit);
  });
}

function visitOf(
  request: FastifyRequest,
  reply: FastifyReply,
  done: (problem?: Problem) => void,
  logger: Logger,
): Visit {
  let isInside = false;
  return {
    get client() {
      return request.clientAddress;
    },
    start: () => {
      isInside = true;
      done();
    },
    refuse: (problem) => {
      if (!isInside) done(problem);
      else if (!reply.sent) sendProblem(problem, request, reply, logger);
    },
    isAnswering: () => reply.raw.headersSent,
  };
}
