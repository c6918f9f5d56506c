import { Transform } from 'class-transformer';
import { ValidateBy } from 'class-validator';
import { isIP } from 'node:net';

/** A list with commas between its items. */
export const List = (): PropertyDecorator =>
  Transform(({ obj, key }) => {
    const value = (obj as Record<string, unknown>)[key];
    return typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value;
  });

const isNetwork = (value: unknown): boolean => {
  const [address = '', bits, more] = typeof value === 'string' ? value.split('/') : [];
  const family = isIP(address);
  const widest = family === 6 ? 128 : 32;
  return (
    family !== 0 && more === undefined && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= widest))
  );
};

/** Each is an address or a CIDR range. */
export const AreNetworks = (): PropertyDecorator =>
  ValidateBy(
    {
      name: 'networks',
      validator: { validate: isNetwork, defaultMessage: () => '$property must be addresses or CIDR ranges' },
    },
    { each: true },
  );
