import { Controller, Get } from '@nestjs/common';
import { Allow, type RequestContext } from '#common/auth/index';
import { Context } from '#common/http/index';
import { MyLicenseService } from './my-license.service.js';

@Controller('v1/me/license')
export class MyLicenseController {
  constructor(private readonly myLicense: MyLicenseService) {}

  @Get()
  @Allow('viewer')
  get(@Context() context: RequestContext): Promise<string> {
    return this.myLicense.get(context);
  }
}
