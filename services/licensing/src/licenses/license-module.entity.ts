import { Column, Entity, JoinColumn, ManyToOne, PrimaryGeneratedColumn, Unique } from 'typeorm';
import { Module } from '../modules/module.entity.js';
import { License } from './license.entity.js';

/** That a license grants a module. */
@Entity('license_modules')
@Unique('license_modules_license_id_module_id_key', ['licenseId', 'moduleId'])
export class LicenseModule {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'license_modules_pkey' })
  id!: string;

  @Column('uuid', { name: 'license_id' })
  licenseId!: string;

  @ManyToOne(() => License)
  @JoinColumn({ name: 'license_id', foreignKeyConstraintName: 'license_modules_license_id_fkey' })
  license!: License;

  @Column('uuid', { name: 'module_id' })
  moduleId!: string;

  @ManyToOne(() => Module)
  @JoinColumn({ name: 'module_id', foreignKeyConstraintName: 'license_modules_module_id_fkey' })
  module!: Module;

  @Column('timestamptz', { name: 'created_at', nullable: true, default: () => 'now()' })
  createdAt!: Date | null;
}
