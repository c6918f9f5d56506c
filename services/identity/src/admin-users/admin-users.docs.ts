import { constant, docsOf, integer, listOf, object, text } from '#common/openapi/index';
import { nothing } from '../auth/auth.docs.js';
import { factorSchema, userSchema } from '../auth/user.docs.js';
import { AdminUsersController } from './admin-users.controller.js';
import { ChangeUserBody, CreateUserBody, DeleteUserBody, UsersQuery } from './dto/bodies.js';

const unknown = ['user_not_found'];
const example = { password_hash: undefined, id: undefined, ban_duration: 'none' };

export default [
  docsOf(AdminUsersController, 'Users', {
    list: {
      id: 'listUsers',
      summary: 'List users',
      query: UsersQuery,
      answers: {
        200: {
          description: 'One page of users; `Link` names the others.',
          schema: object({ users: listOf(userSchema), aud: constant('authenticated') }),
          headers: { 'x-total-count': integer(1), link: text('</auth/v1/admin/users?page=1&per_page=50>; rel="last"') },
        },
      },
    },
    create: {
      id: 'createUser',
      summary: 'Create a user',
      body: CreateUserBody,
      answer: userSchema,
      errors: ['email_exists', 'weak_password', 'conflict', 'over_request_rate_limit'],
      example,
    },
    get: { id: 'getUserById', summary: 'Read a user', answer: userSchema, errors: unknown },
    change: {
      id: 'changeUserById',
      summary: 'Change a user',
      body: ChangeUserBody,
      answer: userSchema,
      errors: [...unknown, 'email_exists', 'weak_password', 'over_request_rate_limit'],
      example,
    },
    erase: {
      id: 'deleteUser',
      summary: 'Erase a user everywhere',
      body: DeleteUserBody,
      bodyIsOptional: true,
      answer: nothing,
      errors: [...unknown, 'last_owner'],
    },
    factors: {
      id: 'listFactorsOfUser',
      summary: 'List a user’s second factors',
      answer: listOf(factorSchema),
      errors: unknown,
    },
    removeFactor: {
      id: 'deleteFactorOfUser',
      summary: 'Remove a user’s second factor',
      answer: factorSchema,
      errors: [...unknown, '404 mfa_factor_not_found'],
    },
  }),
];
