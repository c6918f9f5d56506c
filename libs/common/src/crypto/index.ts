export { hashOf, randomSecret } from './bearer-secrets.js';
export { MasterKeyFile, type MasterKeys, parseMasterKeys, readMasterKeys, secretsKeyFormat } from './master-keys.js';
export { type SealedColumn, sealedContext } from './sealed-columns.js';
export { SecretBox, sealingKeyOf } from './secret-box.js';
