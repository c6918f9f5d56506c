import { runService } from '#common/bootstrap/index';
import { defineConversations } from './conversations.definition.js';

await runService(() => defineConversations(process.env));
