import { mistakenCaller, migration } from '#common/database/index';

export const MistakenCaller1795940000000 = migration(
  'MistakenCaller1795940000000',
  mistakenCaller('identity', { licenses: false }),
);
