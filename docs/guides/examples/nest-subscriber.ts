import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, type MicroserviceOptions, NatsContext, Payload, Transport } from '@nestjs/microservices';
import type { MsgHdrs } from 'nats';

@Controller()
class LicenseListener {
  @EventPattern<string>('license.expired')
  onExpired(@Payload() data: { licenseId: string }, @Ctx() context: NatsContext): void {
    const headers = context.getHeaders() as MsgHdrs;
    console.log(context.getSubject(), headers.get('ce-id'), data.licenseId);
  }
}

@Module({ controllers: [LicenseListener] })
class ListenerModule {}

const { NATS_URL, NATS_USER, NATS_PASSWORD } = process.env;

const app = await NestFactory.createMicroservice<MicroserviceOptions>(ListenerModule, {
  transport: Transport.NATS,
  options: { servers: [NATS_URL!], user: NATS_USER, pass: NATS_PASSWORD, inboxPrefix: `_INBOX_${NATS_USER}` },
  logger: ['error', 'warn'],
});
await app.listen();
console.log('listening');
