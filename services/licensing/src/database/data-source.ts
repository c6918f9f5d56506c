import { Schema } from '#common/database/index';
import { entities } from './entities.js';
import { Licensing1764547200000 } from './migrations/1764547200000-licensing.js';

const url = process.env['OWNER_DATABASE_URL'];

/** Connected as the owner, for migrations. */
export default new Schema({ entities, migrations: [Licensing1764547200000], ...(url !== undefined && { url }) });
