import { Controller, Get, type OnModuleInit, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { JsonDocument } from './document.js';

@Controller('openapi.json')
export class OpenApiController implements OnModuleInit {
  private document!: JsonDocument;

  /** Not earlier: what writes the document puts the gateway together, too. */
  onModuleInit(): void {
    this.document = new JsonDocument('openapi.json');
  }

  @Get()
  read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.document.send(request, reply);
  }
}
