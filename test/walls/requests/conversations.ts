import { created, markOf, type Tenant } from '../world.js';
import { asMember, expendable, nothing, type Prepare, type Prepared, type Stage } from './prepared.js';

const conversation: Prepare = ({ tenant }) => ({ params: { id: tenant.own.conversationId } });
const conversationOf: Prepare = ({ tenant }) => ({ params: { conversationId: tenant.own.conversationId } });
const fn: Prepare = ({ tenant }) => ({ params: { id: tenant.own.functionId } });
const messageOf: Prepare = ({ tenant: { own } }) => ({
  params: { conversationId: own.conversationId, messageId: own.messageId },
});

const withBody =
  (prepare: Prepare, body: (mark: string) => object): Prepare =>
  async (stage) => ({ ...(await prepare(stage)), body: body(markOf(stage.name, 'private')) });

const made =
  (path: (tenant: Tenant) => string, body: object, params: (id: string, tenant: Tenant) => Record<string, string>) =>
  async (stage: Stage): Promise<Prepared> => {
    const { id } = await created(asMember(stage, 'conversations').post(path(stage.tenant), body));
    return { params: params(id, stage.tenant) };
  };

export const conversations: Record<string, Prepare> = {
  'GET /v1/conversations': nothing,
  'POST /v1/conversations': () => ({ body: { title: 'Another' } }),
  'GET /v1/conversations/:id': conversation,
  'PATCH /v1/conversations/:id': withBody(conversation, (title) => ({ title })),
  'DELETE /v1/conversations/:id': expendable(
    conversation,
    made(
      () => '/v1/conversations',
      { title: 'Another' },
      (id) => ({ id }),
    ),
  ),
  'GET /v1/conversations/:conversationId/messages': conversationOf,
  'POST /v1/conversations/:conversationId/messages': withBody(conversationOf, (messageContent) => ({ messageContent })),
  'GET /v1/conversations/:conversationId/messages/:messageId': messageOf,
  'PATCH /v1/conversations/:conversationId/messages/:messageId': withBody(messageOf, (messageContent) => ({
    messageContent,
  })),
  'DELETE /v1/conversations/:conversationId/messages/:messageId': expendable(
    messageOf,
    made(
      ({ own }) => `/v1/conversations/${own.conversationId}/messages`,
      { messageContent: 'Another' },
      (messageId, { own }) => ({ conversationId: own.conversationId, messageId }),
    ),
  ),
  'GET /v1/functions': nothing,
  'POST /v1/functions': () => ({ body: { name: 'another', code: 'return 1' } }),
  'GET /v1/functions/:id': fn,
  'PATCH /v1/functions/:id': withBody(fn, (description) => ({ description })),
  'DELETE /v1/functions/:id': expendable(
    fn,
    made(
      () => '/v1/functions',
      { name: 'another', code: 'return 1' },
      (id) => ({ id }),
    ),
  ),
};
