import { runService } from '#common/bootstrap/index';
import { defineIdentity } from './identity.definition.js';

await runService(() => defineIdentity(process.env));
