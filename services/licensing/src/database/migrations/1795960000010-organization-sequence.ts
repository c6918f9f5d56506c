import { migration } from '#common/database/index';

/** What a copy needs to tell an older page of a snapshot from a newer row. */
export const OrganizationSequence1795960000010 = migration('OrganizationSequence1795960000010', {
  up: ['ALTER TABLE ref_organization ADD COLUMN sequence bigint NOT NULL DEFAULT 0'],
  down: ['ALTER TABLE ref_organization DROP COLUMN sequence'],
});
