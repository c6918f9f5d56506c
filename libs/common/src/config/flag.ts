import { Transform } from 'class-transformer';

/** A boolean variable: `true`, `1`, `yes` or `false`, `0`, `no`; anything else is left as it is and fails validation. */
export const Flag = (): PropertyDecorator =>
  Transform(({ obj, key }) => {
    const value = (obj as Record<string, unknown>)[key];
    if (typeof value !== 'string') return value;
    if (/^(true|1|yes)$/i.test(value)) return true;
    return /^(false|0|no)$/i.test(value) ? false : value;
  });
