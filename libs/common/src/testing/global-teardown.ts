export { stopInfrastructure as default } from './infrastructure.js';
