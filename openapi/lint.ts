import { type RulesetDefinition, Spectral } from '@stoplight/spectral-core';
import rulesets from '@stoplight/spectral-rulesets';

/** What Spectral's recommended rules find wrong with an OpenAPI document, as lines. */
export async function faultsOf(document: object): Promise<string[]> {
  const spectral = new Spectral();
  spectral.setRuleset({ extends: [[rulesets.oas as RulesetDefinition, 'recommended']] });
  const found = await spectral.run(JSON.stringify(document));
  return found.map(({ code, message, path }) => `${code}: ${message} (${path.join('.')})`);
}
