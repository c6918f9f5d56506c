import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { Public } from '#common/auth/index';
import { ValidateLicense } from './dto/validate-license.dto.js';
import { LicenseValidationService, type Verdict } from './license-validation.service.js';

@Controller('v1/licenses/validate')
export class LicenseValidationController {
  constructor(private readonly validation: LicenseValidationService) {}

  /** Always 200 for a well-formed body: what fails is in the verdict. */
  @Post()
  @HttpCode(200)
  @Public()
  validate(@Body() body: ValidateLicense): Promise<Verdict> {
    return this.validation.validate(body);
  }
}
