import { anything, component, docsOf, id, pageOf, text, times } from '#common/openapi/index';
import { PreferencesController } from './preferences.controller.js';

const answer = component('Preference', {
  id,
  preferenceKey: text('language'),
  preferenceValue: anything('en'),
  ...times,
});
const params = { key: text('language', { minLength: 1, maxLength: 128 }) };

export default [
  docsOf(PreferencesController, 'Me', {
    list: { id: 'listPreferences', summary: 'List the own preferences', answer: pageOf(answer) },
    read: { id: 'getPreference', summary: 'Read a preference', answer, params },
    put: {
      id: 'putPreference',
      summary: 'Set a preference',
      answer,
      params,
      errors: ['too_many_preferences'],
      example: { preferenceKey: undefined, preferenceValue: 'en' },
    },
    remove: { id: 'deletePreference', summary: 'Delete a preference', params },
  }),
];
