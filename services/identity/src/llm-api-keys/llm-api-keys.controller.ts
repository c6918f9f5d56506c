import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { type RequestContext, SignedIn } from '#common/auth/index';
import { Conditional, Context, Creates } from '#common/http/index';
import { AddLlmApiKey, ChangeLlmApiKey, LlmApiKeysQuery } from './dto/llm-api-key.dto.js';
import { LlmApiKeysService } from './llm-api-keys.service.js';
import { VerificationService } from './verification.service.js';

@Controller('v1/me/llm-api-keys')
export class LlmApiKeysController {
  constructor(
    private readonly keys: LlmApiKeysService,
    private readonly verification: VerificationService,
  ) {}

  @Get()
  @SignedIn()
  list(@Context() context: RequestContext, @Query() query: LlmApiKeysQuery) {
    return this.keys.list(context, query);
  }

  @Post()
  @SignedIn()
  @Creates('/v1/me/llm-api-keys/:id')
  add(@Context() context: RequestContext, @Body() body: AddLlmApiKey) {
    return this.keys.add(context, body);
  }

  @Get(':id')
  @SignedIn()
  read(@Context() context: RequestContext, @Param('id') id: string) {
    return this.keys.read(context, id);
  }

  @Patch(':id')
  @SignedIn()
  change(@Context() context: RequestContext, @Param('id') id: string, @Body() body: ChangeLlmApiKey) {
    return this.keys.change(context, id, body);
  }

  /** Asks the provider; 200 whatever it says, as that it could not be asked is an answer too. */
  @Post(':id/verify')
  @SignedIn()
  @HttpCode(200)
  @Conditional()
  verify(@Context() context: RequestContext, @Param('id') id: string) {
    return this.verification.verify(context, id);
  }

  @Delete(':id')
  @SignedIn()
  @HttpCode(204)
  async remove(@Context() context: RequestContext, @Param('id') id: string): Promise<void> {
    await this.keys.remove(context, id);
  }
}
