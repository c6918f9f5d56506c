export { Outbound, type OutboundAnswer, OutboundRefused, type OutboundRequest } from './outbound.js';
