import {
  boolean,
  component,
  docsOf,
  id,
  instant,
  nullable,
  oneOf,
  pageOf,
  text,
  times,
  url,
} from '#common/openapi/index';
import { checkReasons } from './check-outcome.js';
import type { answerOf } from './known-key.js';
import { LlmApiKeysController } from './llm-api-keys.controller.js';

const answer = component<ReturnType<typeof answerOf>>(
  'LlmApiKey',
  {
    id,
    provider: text('openai'),
    baseUrl: nullable(url('https://models.example.com/v1')),
    last4: nullable(text('5678')),
    verified: boolean(true),
    verificationStatus: oneOf('unverified', 'accepted', 'refused', 'unchecked'),
    verificationReason: nullable(oneOf(...Object.keys(checkReasons))),
    verificationDetail: nullable(text(checkReasons.key_refused)),
    checkedAt: nullable(instant),
    verifiedAt: nullable(instant),
    ...times,
  },
  { description: 'A key without the key: nobody is told it again.' },
);
const example = { provider: 'openai', baseUrl: undefined, apiKey: 'sk-12345678' };

export default [
  docsOf(LlmApiKeysController, 'Me', {
    list: { id: 'listLlmApiKeys', summary: 'List the own keys of model providers', answer: pageOf(answer) },
    add: { id: 'createLlmApiKey', summary: 'Store a key', answer, errors: ['too_many_keys'], example },
    read: { id: 'getLlmApiKey', summary: 'Read what is known of a key', answer },
    change: { id: 'changeLlmApiKey', summary: 'Replace a key, its provider or its base URL', answer, example },
    verify: {
      id: 'verifyLlmApiKey',
      summary: 'Have the provider say whether it accepts a key',
      answer,
      errors: ['too_many_requests'],
    },
    remove: { id: 'deleteLlmApiKey', summary: 'Delete a key' },
  }),
];
