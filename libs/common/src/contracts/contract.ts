import { ValidateIf } from 'class-validator';
import { type ServiceName, topology } from './topology.js';

export interface EventContractOptions {
  /** Subject and CloudEvents type, such as `license.expired`. */
  readonly type: string;
  readonly source: ServiceName;
  /** Version of the data's schema; a published version only ever gains optional fields. */
  readonly version: number;
  /** One sentence for the reference. */
  readonly description: string;
  readonly example: object;
}

export type EventClass<Data extends object> = abstract new () => Data;

/** The field is always there, and may be null. */
export const OrNull = (): PropertyDecorator => ValidateIf((_data, value) => value !== null);

const contracts = new Map<EventClass<object>, EventContractOptions>();

/** Declares a class as the data of one event type, which its source must be known to publish. */
export const EventContract =
  (options: EventContractOptions) =>
  (target: EventClass<object>): void => {
    const { type, source } = options;
    if (!topology[source].types.includes(type))
      throw new Error(`${target.name}: ${type} is not among the types of ${source} in contracts/topology.ts`);
    contracts.set(target, options);
  };

/** The contract that a class declares. */
export function contractOf(target: EventClass<object>): EventContractOptions {
  const contract = contracts.get(target);
  if (!contract) throw new Error(`${target.name} is not an event contract`);
  return contract;
}

/** Every contract that has been loaded, with the class of its data. */
export const allContracts = (): ReadonlyMap<EventClass<object>, EventContractOptions> => contracts;
