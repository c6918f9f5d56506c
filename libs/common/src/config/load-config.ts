import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';

/**
 * Reads settings from the environment into a class whose properties are the variables' names and whose initialisers are
 * their defaults. Throws with the names of all bad ones, and never with a value.
 */
export function loadConfig<Config extends object>(type: new () => Config, environment = process.env): Config {
  const defaults = new type() as Readonly<Record<string, unknown>>;
  const given = Object.fromEntries(
    Object.entries(environment)
      .filter(([, value]) => value !== undefined && value !== '')
      .map(([name, value]) => [name, typeof defaults[name] === 'number' ? Number(value) : value]),
  );
  const config = plainToInstance(type, given, { enableImplicitConversion: true, exposeDefaultValues: true });
  const errors = validateSync(config, { validationError: { target: false, value: false } });
  if (errors.length > 0) {
    const reasons = errors.map((error) => Object.values(error.constraints ?? {}).join(', '));
    throw new Error(`Bad settings in the environment: ${reasons.join('; ')}`);
  }
  return config;
}
