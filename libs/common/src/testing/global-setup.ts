export { startInfrastructure as default } from './infrastructure.js';
