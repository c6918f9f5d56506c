import { describe, expect, it } from '@jest/globals';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { allContracts, serviceNames, topology } from '#common/contracts/index';

const contracts = [...allContracts()].map(([type, contract]) => ({ ...contract, class: type as new () => object }));

describe('the event contracts', () => {
  it.each(contracts)('$type has an example that is valid, with nothing that its class does not name', (contract) => {
    const example = plainToInstance(contract.class, contract.example);
    expect(validateSync(example, { whitelist: true, forbidNonWhitelisted: true })).toEqual([]);
  });

  it.each(contracts)('$type belongs to its source, and its data can be told from a Nest request', (contract) => {
    expect(topology[contract.source].types).toContain(contract.type);
    expect(Object.keys(contract.example)).not.toEqual(expect.arrayContaining(['pattern']));
    expect(Object.keys(contract.example)).not.toEqual(expect.arrayContaining(['data']));
  });

  it.each(contracts)('$type names no field that would carry a secret or a text of a user', (contract) => {
    const suspicious = /password|token|secret|apiKey|licenseKey|messageContent/i;
    expect(Object.keys(contract.example).filter((field) => suspicious.test(field))).toEqual([]);
  });

  it('are one per type', () => {
    const types = contracts.map(({ type }) => type);
    expect(new Set(types).size).toBe(types.length);
    const published = serviceNames.flatMap((service) => topology[service].types);
    expect(types.filter((type) => !published.includes(type))).toEqual([]);
  });
});
