import { anyObject, component, docsOf, id, instant, nullable, pageOf, text } from '#common/openapi/index';
import type { FunctionAnswer } from './function.answer.js';
import { FunctionsController } from './functions.controller.js';

const answer = component<FunctionAnswer>('Function', {
  id,
  createdBy: id,
  userId: id,
  name: text('bernoulli'),
  description: nullable(text('Computes a Bernoulli number.')),
  code: text('return 1 / 6;'),
  parameters: nullable(anyObject({ type: 'object', properties: { n: { type: 'integer' } } })),
  createdAt: instant,
  updatedAt: nullable(instant),
});

export default [
  docsOf(FunctionsController, 'Functions', {
    list: { id: 'listFunctions', summary: 'List the own functions', answer: pageOf(answer) },
    create: { id: 'createFunction', summary: 'Create a function', answer },
    read: { id: 'getFunction', summary: 'Read a function', answer },
    change: { id: 'changeFunction', summary: 'Change a function', answer },
    remove: { id: 'deleteFunction', summary: 'Delete a function' },
  }),
];
