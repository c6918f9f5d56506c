import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { notFound } from '#common/http/index';
import { ServedFiles } from './served-files.js';

/** The API and the events, for machines. */
@Controller()
export class DocumentsController {
  constructor(private readonly files: ServedFiles) {}

  @Get('openapi.json')
  openApi(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.send('/openapi.json', request, reply);
  }

  @Get('asyncapi.json')
  asyncApi(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.send('/asyncapi.json', request, reply);
  }

  private send(path: string, request: FastifyRequest, reply: FastifyReply): void {
    if (!this.files.send(path, request, reply)) throw notFound('document');
  }
}
