/** Asks identity for a user's key as it is, to call the provider with it. Whoever asks keeps and logs it nowhere. */
export const llmKeySubject = 'identity.ask.llm-key';

/** `keyId` or `provider`, or neither: of several keys the verified and then the newest. */
export interface LlmKeyQuestion {
  readonly userId: string;
  readonly keyId?: string;
  readonly provider?: string;
}

export interface LlmKeyAnswer {
  readonly key: {
    readonly keyId: string;
    /** Goes into the report when the provider refuses the key. */
    readonly keyVersion: number;
    readonly provider: string;
    /** Where the provider is asked. */
    readonly baseUrl: string;
    readonly apiKey: string;
  } | null;
}

/** Tells identity that a provider refused a key in use. */
export const llmKeyRefusedSubject = 'identity.tell.llm-key-refused';

export interface LlmKeyRefused {
  readonly keyId: string;
  readonly keyVersion: number;
  /** ISO 8601. */
  readonly refusedAt: string;
}

/** False when the key was replaced or accepted since, or is gone. */
export interface LlmKeyRefusedAnswer {
  readonly marked: boolean;
}
