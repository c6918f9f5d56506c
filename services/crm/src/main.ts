import { runService } from '#common/bootstrap/index';
import { defineCrm } from './crm.definition.js';

await runService(() => defineCrm(process.env));
