import { Body, Controller, Delete, Get, HttpCode, Param, Put, Query } from '@nestjs/common';
import { type RequestContext, SignedIn } from '#common/auth/index';
import { Context } from '#common/http/index';
import { PreferencesQuery } from './dto/preferences-query.dto.js';
import { PutPreference } from './dto/put-preference.dto.js';
import { PreferencesService } from './preferences.service.js';

@Controller('v1/me/preferences')
export class PreferencesController {
  constructor(private readonly preferences: PreferencesService) {}

  @Get()
  @SignedIn()
  list(@Context() context: RequestContext, @Query() query: PreferencesQuery) {
    return this.preferences.list(context, query);
  }

  @Get(':key')
  @SignedIn()
  read(@Context() context: RequestContext, @Param('key') key: string) {
    return this.preferences.read(context, key);
  }

  @Put(':key')
  @SignedIn()
  put(@Context() context: RequestContext, @Param('key') key: string, @Body() body: PutPreference) {
    return this.preferences.put(context, key, body);
  }

  @Delete(':key')
  @SignedIn()
  @HttpCode(204)
  async remove(@Context() context: RequestContext, @Param('key') key: string): Promise<void> {
    await this.preferences.remove(context, key);
  }
}
