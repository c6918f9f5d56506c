import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { IsBoolean } from 'class-validator';
import { Allow, type RequestContext } from '#common/auth/index';
import { Context, Optional, Unconditional } from '#common/http/index';
import { KeysAdmin } from './keys-admin.js';

class RotationBody {
  /** Does not wait for verifiers that keep the key set longer than Clarity's services. */
  @Optional()
  @IsBoolean()
  now = false;
}

/** The keys of access tokens, for platform admins. */
@Controller('v1/admin/signing-keys')
export class KeysAdminController {
  constructor(private readonly keys: KeysAdmin) {}

  @Get()
  @Allow('platform_admin')
  list(@Context() context: RequestContext) {
    return this.keys.list(context);
  }

  @Post('rotate')
  @HttpCode(202)
  @Allow('platform_admin')
  rotate(@Context() context: RequestContext, @Body() { now }: RotationBody) {
    return this.keys.rotate(context, now);
  }

  @Delete(':keyId')
  @HttpCode(204)
  @Allow('platform_admin')
  @Unconditional('a key has no representation of its own')
  async revoke(@Context() context: RequestContext, @Param('keyId') keyId: string): Promise<void> {
    await this.keys.revoke(context, keyId);
  }
}
