import { IsISO8601, IsString, IsUUID } from 'class-validator';
import { EventContract, OrNull } from '../contract.js';

const profile = {
  profileId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a04',
  organizationId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a01',
  userId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a02',
  role: 'member',
  createdAt: '2026-11-22T09:30:00.000Z',
};

/** What every profile event carries. */
export abstract class ProfileState {
  @IsUUID('loose') profileId!: string;
  @IsUUID('loose') organizationId!: string;
  @OrNull() @IsUUID('loose') userId!: string | null;
  @IsString() role!: string;
  @IsISO8601() createdAt!: string;
}

@EventContract({
  type: 'profile.created',
  source: 'identity',
  version: 1,
  description: 'A user joined an organization, or was invited to it (userId null until the invitation is accepted).',
  example: profile,
})
export class ProfileCreated extends ProfileState {}

@EventContract({
  type: 'profile.updated',
  source: 'identity',
  version: 1,
  description: 'A profile has another role or address, or its invitation was accepted.',
  example: profile,
})
export class ProfileUpdated extends ProfileState {}

@EventContract({
  type: 'profile.deleted',
  source: 'identity',
  version: 1,
  description: 'A user left an organization, was removed from it, or an invitation was withdrawn.',
  example: profile,
})
export class ProfileDeleted extends ProfileState {}
