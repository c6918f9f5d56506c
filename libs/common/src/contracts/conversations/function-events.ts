import { IsISO8601, IsString, IsUUID } from 'class-validator';
import { EventContract, OrNull } from '../contract.js';

const functionId = '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a13';
const userId = '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a02';
const kept = {
  functionId,
  userId,
  name: 'vat',
  description: 'Adds value added tax to an amount.',
  createdAt: '2026-11-22T09:30:00.000Z',
  updatedAt: '2026-11-22T09:30:00.000Z',
};

/** What the events of a living function carry; never its code. */
export abstract class FunctionState {
  @IsUUID('loose') functionId!: string;
  /** Whose function it is; nobody else may see it. */
  @IsUUID('loose') userId!: string;
  @IsString() name!: string;
  @OrNull() @IsString() description!: string | null;
  @IsISO8601() createdAt!: string;
  @OrNull() @IsISO8601() updatedAt!: string | null;
}

@EventContract({
  type: 'function.created',
  source: 'conversations',
  version: 1,
  description: 'A user keeps a new function; its code is never told.',
  example: kept,
})
export class FunctionCreated extends FunctionState {}

@EventContract({
  type: 'function.updated',
  source: 'conversations',
  version: 1,
  description: 'A function has another name, description, code or parameters.',
  example: kept,
})
export class FunctionUpdated extends FunctionState {}

@EventContract({
  type: 'function.deleted',
  source: 'conversations',
  version: 1,
  description: 'A function is gone.',
  example: { functionId, userId },
})
export class FunctionDeleted {
  @IsUUID('loose') functionId!: string;
  @IsUUID('loose') userId!: string;
}
