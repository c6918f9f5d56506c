export { Feed } from './feed.js';
export { FeedController } from './feed.controller.js';
export { FeedQuery } from './feed-query.js';
