import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { type RequestContext, SignedIn } from '#common/auth/index';
import { Context, Creates } from '#common/http/index';
import { ChangeMessage, CreateMessage } from './dto/message-body.js';
import { MessagesQuery } from './dto/messages-query.js';
import type { MessageAnswer } from './message.answer.js';
import { MessagesService } from './messages.service.js';

@Controller('v1/conversations/:conversationId/messages')
export class MessagesController {
  constructor(private readonly messages: MessagesService) {}

  @Get()
  @SignedIn()
  list(
    @Context() context: RequestContext,
    @Param('conversationId') conversationId: string,
    @Query() query: MessagesQuery,
  ): Promise<string> {
    return this.messages.list(context, conversationId, query);
  }

  @Post()
  @SignedIn({ module: 'conversations' })
  @Creates('/v1/conversations/:conversationId/messages/:id')
  create(
    @Context() context: RequestContext,
    @Param('conversationId') conversationId: string,
    @Body() body: CreateMessage,
  ): Promise<MessageAnswer> {
    return this.messages.create(context, conversationId, body);
  }

  @Get(':messageId')
  @SignedIn()
  read(
    @Context() context: RequestContext,
    @Param('conversationId') conversationId: string,
    @Param('messageId') messageId: string,
  ): Promise<string> {
    return this.messages.read(context, conversationId, messageId);
  }

  @Patch(':messageId')
  @SignedIn({ module: 'conversations' })
  change(
    @Context() context: RequestContext,
    @Param('conversationId') conversationId: string,
    @Param('messageId') messageId: string,
    @Body() body: ChangeMessage,
  ): Promise<MessageAnswer> {
    return this.messages.change(context, conversationId, messageId, body);
  }

  @Delete(':messageId')
  @HttpCode(204)
  @SignedIn({ module: 'conversations' })
  remove(
    @Context() context: RequestContext,
    @Param('conversationId') conversationId: string,
    @Param('messageId') messageId: string,
  ): Promise<void> {
    return this.messages.remove(context, conversationId, messageId);
  }
}
