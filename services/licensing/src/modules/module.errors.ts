import { Problem } from '#common/http/index';

export const moduleCodeTaken = (): Problem => new Problem(409, 'module_code_taken', 'Another module has this code.');
