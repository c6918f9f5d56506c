import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { type RequestContext, SignedIn } from '#common/auth/index';
import { Context, Creates } from '#common/http/index';
import type { ConversationAnswer } from './conversation.answer.js';
import { ConversationsService } from './conversations.service.js';
import { ConversationBody } from './dto/conversation-body.js';
import { ConversationsQuery } from './dto/conversations-query.js';

@Controller('v1/conversations')
export class ConversationsController {
  constructor(private readonly conversations: ConversationsService) {}

  @Get()
  @SignedIn()
  list(@Context() context: RequestContext, @Query() query: ConversationsQuery): Promise<string> {
    return this.conversations.list(context, query);
  }

  @Post()
  @SignedIn({ module: 'conversations' })
  @Creates('/v1/conversations/:id')
  create(@Context() context: RequestContext, @Body() body: ConversationBody): Promise<ConversationAnswer> {
    return this.conversations.create(context, body);
  }

  @Get(':id')
  @SignedIn()
  read(@Context() context: RequestContext, @Param('id') id: string): Promise<string> {
    return this.conversations.read(context, id);
  }

  @Patch(':id')
  @SignedIn({ module: 'conversations' })
  change(
    @Context() context: RequestContext,
    @Param('id') id: string,
    @Body() body: ConversationBody,
  ): Promise<ConversationAnswer> {
    return this.conversations.change(context, id, body);
  }

  @Delete(':id')
  @HttpCode(204)
  @SignedIn({ module: 'conversations' })
  remove(@Context() context: RequestContext, @Param('id') id: string): Promise<void> {
    return this.conversations.remove(context, id);
  }
}
