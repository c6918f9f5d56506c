import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Allow, type RequestContext } from '#common/auth/index';
import { Context } from '#common/http/index';
import { readBody } from '../auth/dto/read-body.js';
import { AdminUserChangesService } from './admin-user-changes.service.js';
import { AdminUsersService } from './admin-users.service.js';
import { ChangeUserBody, CreateUserBody, DeleteUserBody, UsersQuery } from './dto/bodies.js';
import { pageLinks } from './page-links.js';

/** Supabase Auth's routes for an administrator. */
@Controller('auth/v1/admin/users')
export class AdminUsersController {
  constructor(
    private readonly users: AdminUsersService,
    private readonly changes: AdminUserChangesService,
  ) {}

  @Get()
  @Allow('platform_admin')
  async list(
    @Context() context: RequestContext,
    @Query() query: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { page = 1, per_page: perPage = 50 } = readBody(UsersQuery, query);
    const { total, users } = await this.users.list(context, page, perPage);
    reply.header('x-total-count', String(total));
    reply.header('link', pageLinks('/auth/v1/admin/users', page, perPage, total));
    return { users, aud: 'authenticated' };
  }

  @Post()
  @Allow('platform_admin')
  @HttpCode(200)
  create(@Context() context: RequestContext, @Body() body: unknown) {
    return this.changes.create(context, readBody(CreateUserBody, body));
  }

  @Get(':id')
  @Allow('platform_admin')
  get(@Context() context: RequestContext, @Param('id') id: string) {
    return this.users.get(context, id);
  }

  @Put(':id')
  @Allow('platform_admin')
  change(@Context() context: RequestContext, @Param('id') id: string, @Body() body: unknown) {
    return this.changes.change(context, id, readBody(ChangeUserBody, body));
  }

  @Delete(':id')
  @Allow('platform_admin')
  async erase(@Context() context: RequestContext, @Param('id') id: string, @Body() body: unknown) {
    readBody(DeleteUserBody, body ?? {});
    await this.changes.erase(context, id);
    return {};
  }

  @Get(':id/factors')
  @Allow('platform_admin')
  factors(@Context() context: RequestContext, @Param('id') id: string) {
    return this.users.factors(context, id);
  }

  @Delete(':id/factors/:factorId')
  @Allow('platform_admin')
  removeFactor(@Context() context: RequestContext, @Param('id') id: string, @Param('factorId') factorId: string) {
    return this.changes.removeFactor(context, id, factorId);
  }
}
