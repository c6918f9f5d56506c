export { type ClientAddress, clientAddress, clientNetwork, networksOf } from './client-address.js';
export { boundedFetch } from './bounded-fetch.js';
export { Context, RequestTrace } from './context.js';
export { CarriesSecret, Conditional, type Conventions, conventionsOf, Creates, Unconditional } from './conventions.js';
export { Instant, IsId, LowerCased, Nullable, Optional, Text, Trimmed } from './fields.js';
export {
  createAdapter,
  giveUpStalled,
  listen,
  serverTimeouts,
  stopOnSignals,
  useHttpConventions,
} from './http-server.js';
export { bodyLimit, useBoundedJson } from './json-body.js';
export {
  changedAfter,
  ChangesQuery,
  type Filters,
  type ListRow,
  pageJson,
  PageQuery,
  type PageSource,
  pageStatement,
} from './page.js';
export { forbidden, invalid, notFound, Problem, referenceNotFound, unavailable, type Violation } from './problem.js';
export { ProblemFilter, problemBody, problemOf, sendProblem } from './problem-filter.js';
export { byEnd, byText, byTime, SortedBy } from './sorts.js';
export { RequestValidation } from './validation.js';
