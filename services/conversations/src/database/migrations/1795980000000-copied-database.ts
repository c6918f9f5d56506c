import { copiedDatabase, migration } from '#common/database/index';

export const CopiedDatabase1795980000000 = migration('CopiedDatabase1795980000000', copiedDatabase);
