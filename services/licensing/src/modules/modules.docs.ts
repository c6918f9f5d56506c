import { component, docsOf, id, pageOf, text, times } from '#common/openapi/index';
import { ModulesController } from './modules.controller.js';

const answer = component('Module', { id, code: text('crm'), name: text('CRM'), ...times });

export default [
  docsOf(ModulesController, 'Licenses', {
    list: { id: 'listModules', summary: 'List the modules that a license may grant', answer: pageOf(answer) },
    get: { id: 'getModule', summary: 'Read a module', answer },
    create: {
      id: 'createModule',
      summary: 'Create a module',
      answer,
      errors: ['module_code_taken'],
      example: { code: 'reports', name: 'Reports' },
    },
    update: { id: 'changeModule', summary: 'Rename a module', answer },
  }),
];
