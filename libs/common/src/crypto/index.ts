export { SecretBox, secretsKeyFormat } from './secret-box.js';
