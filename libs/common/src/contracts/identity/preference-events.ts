import { IsBoolean, IsString, IsUUID } from 'class-validator';
import { EventContract } from '../contract.js';

@EventContract({
  type: 'preference.changed',
  source: 'identity',
  version: 1,
  description: 'A user set or removed a preference. The event names its key, never its value.',
  example: {
    preferenceId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a06',
    userId: '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a02',
    preferenceKey: 'theme',
    deleted: false,
  },
})
export class PreferenceChanged {
  @IsUUID('loose') preferenceId!: string;
  @IsUUID('loose') userId!: string;
  @IsString() preferenceKey!: string;
  /** True when it was removed. */
  @IsBoolean() deleted!: boolean;
}
