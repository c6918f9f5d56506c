import 'reflect-metadata';
import { Schema } from '#common/database/index';
import { entities } from './entities.js';
import { Identity1795341600000 } from './migrations/1795341600000-identity.js';

/** For migrations: connects as the owner of the tables. */
export default new Schema({
  entities,
  migrations: [Identity1795341600000],
  url: process.env['OWNER_DATABASE_URL']!,
});
