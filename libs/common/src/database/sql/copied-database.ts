import type { SchemaChange } from '../migration.js';
import { checkStream } from './relay-healing.js';

/** The time at which the server started is the last part of an incarnation: what is before it names database and file. */
const fileOf = (incarnation: string): string => `regexp_replace(${incarnation}, '/[^/]*$', '')`;
const isAnotherFile = `coalesce(${fileOf('head.incarnation')} <> ${fileOf('current_incarnation')}, false)`;

const former = checkStream.replace('CREATE FUNCTION', 'CREATE OR REPLACE FUNCTION');
const reasons = 'is_another OR is_behind OR (last_stream';

/**
 * Another database, or a file that was filled anew, always begins an epoch: what an earlier copy lacks may have been told in
 * answers, which leave no trace in any log.
 */
export const copiedDatabase: SchemaChange = {
  up: [former.replace(reasons, () => `${isAnotherFile} OR ${reasons}`)],
  down: [former],
};
