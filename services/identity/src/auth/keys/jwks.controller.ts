import { Controller, Get, Header } from '@nestjs/common';
import { Public } from '#common/auth/index';
import { SystemUnitOfWork } from '#common/database/index';
import { readPublicKeys } from './public-keys.js';

/** The keys by which anybody verifies an access token. */
@Controller()
export class JwksController {
  constructor(private readonly system: SystemUnitOfWork) {}

  @Get(['auth/v1/.well-known/jwks.json', '.well-known/jwks.json'])
  @Public()
  @Header('cache-control', 'public, max-age=60')
  keys() {
    return readPublicKeys(this.system);
  }
}
