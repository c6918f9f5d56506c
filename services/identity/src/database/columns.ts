import { PrimaryGeneratedColumn } from 'typeorm';

/** A uuid primary key, made by the database where nobody names one. */
export const Id = (primaryKeyConstraintName: string): PropertyDecorator =>
  PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName });
