import { Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { AuditController } from './audit.controller.js';
import { AuditRetention } from './audit-retention.js';
import { AuditService } from './audit.service.js';
import { noteClients } from './client-origin.js';
import { OnEventsRecordActs } from './handlers/on-events.record-acts.js';

@Module({ controllers: [AuditController, OnEventsRecordActs], providers: [AuditRetention, AuditService] })
export class AuditModule {
  constructor(host: HttpAdapterHost) {
    noteClients(host.httpAdapter.getInstance<FastifyInstance>());
  }
}
