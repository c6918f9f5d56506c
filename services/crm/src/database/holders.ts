import { Column } from 'typeorm';

/** The organizations that hold a row: kept by defaults and triggers, read by the policies, and never written by the service. */
export const Holders = (byDefault = 'app.holders()'): PropertyDecorator =>
  Column({
    type: 'uuid',
    name: 'organization_ids',
    array: true,
    default: () => byDefault,
    insert: false,
    update: false,
  });
