import type { SealedColumn } from '#common/crypto/index';

/** Every column of this service whose texts are sealed: what `npm run secrets:rotate` seals anew. */
export const sealedColumns: readonly SealedColumn[] = [
  { table: 'signing_keys', column: 'private_key' },
  { table: 'sessions', column: 'refresh_key' },
  { table: 'mfa_factors', column: 'secret' },
  { table: 'mails', column: 'content' },
  { table: 'one_time_tokens', column: 'code_key' },
  {
    table: 'llm_api_keys',
    column: 'api_key',
    boundTo: ['user_id', 'provider', 'base_url'],
    formerlyBoundTo: ['provider'],
  },
];
