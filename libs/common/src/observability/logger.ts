import type { LoggerService } from '@nestjs/common';
import { type Logger, pino, stdTimeFunctions } from 'pino';
import { loggedError } from './logged-error.js';

/** JSON lines on stdout. Fields that may carry a secret are blotted out, wherever they stand within two levels. */
export function createLogger(service: string, level: string): Logger {
  const secrets = [
    'password',
    'authorization',
    'apiKey',
    'api_key',
    'token',
    'access_token',
    'refresh_token',
    'licenseKey',
    'cookie',
    'secret',
    'client_secret',
    'refreshToken',
    'id_token',
    'code_verifier',
    'invitationToken',
  ];
  return pino({
    level,
    base: { service },
    timestamp: stdTimeFunctions.isoTime,
    serializers: { err: loggedError },
    redact: { paths: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[secret]' },
  });
}

/** Nest's own messages, in the same form. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...context: unknown[]): void {
    this.logger.debug({ context: context.at(-1) }, String(message));
  }

  warn(message: unknown, ...context: unknown[]): void {
    this.logger.warn({ context: context.at(-1) }, String(message));
  }

  error(message: unknown, ...context: unknown[]): void {
    this.logger.error({ context: context.at(-1), ...(message instanceof Error && { err: message }) }, String(message));
  }

  debug(message: unknown, ...context: unknown[]): void {
    this.logger.debug({ context: context.at(-1) }, String(message));
  }
}
