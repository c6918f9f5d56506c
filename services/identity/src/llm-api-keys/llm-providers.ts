import type { IdentityConfig } from '../identity.config.js';

/** Speaks OpenAI's protocol at a base URL that the user names. */
export const compatibleProvider = 'openai_compatible';

/** How a provider is asked whether it accepts a key: by something that costs nothing and that no other key may read. */
interface LlmProvider {
  readonly baseUrl: string;
  /** Below the base URL. */
  readonly proof: string;
  headers(apiKey: string): Readonly<Record<string, string>>;
}

const bearer = (apiKey: string) => ({ authorization: `Bearer ${apiKey}` });

const wellKnown = {
  openai: { baseUrl: 'https://api.openai.com/v1', proof: '/models', headers: bearer },
  anthropic: {
    baseUrl: 'https://api.anthropic.com/v1',
    proof: '/models?limit=1',
    headers: (apiKey: string) => ({ 'x-api-key': apiKey, 'anthropic-version': '2023-06-01' }),
  },
  google: {
    baseUrl: 'https://generativelanguage.googleapis.com/v1beta',
    proof: '/models?pageSize=1',
    headers: (apiKey: string) => ({ 'x-goog-api-key': apiKey }),
  },
  mistral: { baseUrl: 'https://api.mistral.ai/v1', proof: '/models', headers: bearer },
  groq: { baseUrl: 'https://api.groq.com/openai/v1', proof: '/models', headers: bearer },
  // Its list of models is public.
  openrouter: { baseUrl: 'https://openrouter.ai/api/v1', proof: '/key', headers: bearer },
} as const satisfies Readonly<Record<string, LlmProvider>>;

type WellKnown = keyof typeof wellKnown;

export const providerNames: readonly string[] = [...Object.keys(wellKnown), compatibleProvider];

const isWellKnown = (provider: string): provider is WellKnown => Object.hasOwn(wellKnown, provider);

/** How to ask the provider of a key; undefined for one that is not known. `baseUrl` is the user's. */
export function llmProviderOf(
  provider: string,
  baseUrl: string | null,
  config: IdentityConfig,
): LlmProvider | undefined {
  if (provider === compatibleProvider && baseUrl !== null) return { baseUrl, proof: '/models', headers: bearer };
  if (!isWellKnown(provider)) return undefined;
  const name = `LLM_BASE_URL_${provider.toUpperCase()}` as `LLM_BASE_URL_${Uppercase<WellKnown>}`;
  return { ...wellKnown[provider], baseUrl: config[name]?.replace(/\/+$/, '') ?? wellKnown[provider].baseUrl };
}
