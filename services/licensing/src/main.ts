import { runService } from '#common/bootstrap/index';
import { defineLicensing } from './licensing.definition.js';

await runService(() => defineLicensing(process.env));
