import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { plainToInstance, Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  IsUUID,
  Matches,
  MaxLength,
  validateSync,
  ValidateNested,
} from 'class-validator';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allContracts, type EventClass, OrNull, serviceNames, topology } from '#common/contracts/index';
import { publishedEvent, publishedEvents } from '../../../asyncapi/event-schemas.js';
import { findings, readGolden, record } from '../../../asyncapi/golden.js';

/** Without the one that stands for any event in other tests of this worker. */
const declared = [...allContracts()].filter(([type]) => type.name !== 'NoteWritten');
const contracts = declared.map(([type, contract]) => ({ ...contract, class: type as new () => object }));

describe('the event contracts', () => {
  it.each(contracts)('$type has an example that is valid, with nothing that its class does not name', (contract) => {
    const example = plainToInstance(contract.class, contract.example);
    expect(validateSync(example, { whitelist: true, forbidNonWhitelisted: true })).toEqual([]);
  });

  it.each(contracts)('$type has data that can be told from a Nest request', (contract) => {
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
    expect(types.sort()).toEqual(published.sort());
  });
});

describe('the golden corpus', () => {
  it('holds every contract, and breaks with none', () => {
    expect(readGolden().size).toBe(contracts.length);
    expect(findings(publishedEvents(declared), readGolden())).toEqual([]);
  });
});

class Part {
  @IsUUID('loose') id!: string;
  @OrNull() @IsString() label!: string | null;
}

abstract class Unchanged {
  @IsUUID('loose') shelfId!: string;
  @IsBoolean() locked!: boolean;
  @IsIn(['wood', 'steel']) material!: string;
  @IsOptional() @IsInt() height?: number;
}

class ShelfMade extends Unchanged {
  @IsString() name!: string;
  @IsArray() @ValidateNested({ each: true }) @Type(() => Part) parts!: Part[];
}

class WithoutName extends Unchanged {
  @IsArray() @ValidateNested({ each: true }) @Type(() => Part) parts!: Part[];
}

class Renamed extends WithoutName {
  @IsString() title!: string;
}

class Narrowed extends ShelfMade {
  @MaxLength(40) override name!: string;
}

class Numbered extends WithoutName {
  @IsInt() name!: number;
}

class PerhapsNull extends ShelfMade {
  @OrNull() override name!: string;
}

class PerhapsAbsent extends ShelfMade {
  @IsOptional() override name!: string;
}

class FewerChoices {
  @IsUUID('loose') shelfId!: string;
  @IsBoolean() locked!: boolean;
  @IsIn(['steel']) material!: string;
  @IsOptional() @IsInt() height?: number;
  @IsString() name!: string;
  @IsArray() @ValidateNested({ each: true }) @Type(() => Part) parts!: Part[];
}

class Demanding extends ShelfMade {
  @IsInt() width!: number;
}

class Smaller {
  @IsUUID('loose') id!: string;
}

class WithSmallerParts extends Unchanged {
  @IsString() name!: string;
  @IsArray() @ValidateNested({ each: true }) @Type(() => Smaller) parts!: Smaller[];
}

class WithOnePart extends Unchanged {
  @IsString() name!: string;
  @IsString() parts!: string;
}

/** Each a way to change `ShelfMade`. */
const mutations: readonly (readonly [change: string, as: EventClass<object>, finding: string])[] = [
  ['a field is removed', WithoutName, 'name is gone'],
  ['a field is renamed', Renamed, 'name is gone'],
  ['a field is narrowed', Narrowed, 'name was {"type":"string"}, and is {"maxLength":40,"type":"string"}'],
  ['a field has another type', Numbered, 'name was {"type":"string"}, and is {"type":"integer"}'],
  ['a field may be null', PerhapsNull, 'name was {"type":"string"}, and is {"type":["string","null"]}'],
  ['a field may be left out', PerhapsAbsent, 'name may be left out now'],
  [
    'a choice is gone',
    FewerChoices,
    'material was {"enum":["wood","steel"],"type":"string"}, and is {"enum":["steel"]',
  ],
  ['a required field is added', Demanding, 'width is new, and not optional'],
  ['a field of a part is removed', WithSmallerParts, 'parts[].label is gone'],
  ['a list becomes a text', WithOnePart, 'parts no longer is the same list'],
];

describe('a published event', () => {
  const id = '0198c5a0-5e1c-7a2e-9d7f-3f1f0c9b7a01';
  const example = { shelfId: id, locked: false, material: 'wood', name: 'Tall', parts: [{ id, label: null }] };
  const contract = { type: 'shelf.made', source: 'crm', version: 1, description: 'A shelf exists.', example } as const;
  const published = publishedEvent(ShelfMade, contract);
  const folder = mkdtempSync(join(tmpdir(), 'golden-'));
  const stored = () => readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));

  beforeAll(() => {
    expect(findings([published], readGolden(folder))).toEqual([
      'shelf.made.1 has no golden file: npm run events:golden adds it',
    ]);
    expect(record([published], folder)).toEqual(['shelf.made.1']);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is what it was', () => {
    expect(findings([published], readGolden(folder))).toEqual([]);
    expect(record([published], folder)).toEqual([]);
  });

  it.each(mutations)('is broken when %s, and stays as it was published', (_change, mutant, finding) => {
    const changed = publishedEvent(mutant, contract);
    const before = stored();
    expect(findings([changed], readGolden(folder)).join('\n')).toContain(`shelf.made.1 is published: ${finding}`);
    expect(() => record([changed], folder)).toThrow(finding);
    expect(stored()).toEqual(before);
  });

  it('is broken when the class refuses what the schema allows', () => {
    class Capitalised extends ShelfMade {
      @Matches(/^[A-Z]/g) override name!: string;
    }
    const low = { ...contract, example: { ...example, name: 'low' } };
    const others = mkdtempSync(join(tmpdir(), 'golden-'));
    record([publishedEvent(ShelfMade, low)], others);
    expect(findings([publishedEvent(Capitalised, low)], readGolden(others)).join()).toContain(
      'an event that was published is refused today',
    );
    rmSync(others, { recursive: true });
  });

  it('may not go', () => {
    expect(findings([], readGolden(folder))).toEqual(['shelf.made.1 was published, and is gone']);
  });

  it('may gain an optional field, which belongs to it from then on', () => {
    class Grown extends ShelfMade {
      @IsOptional() @IsInt() width?: number;
    }
    const grown = publishedEvent(Grown, { ...contract, example: { ...example, width: 3 } });
    expect(findings([grown], readGolden(folder))).toEqual(['shelf.made.1 has grown: npm run events:golden records it']);
    record([grown], folder);
    expect(findings([grown], readGolden(folder))).toEqual([]);
    expect(readGolden(folder).get('shelf.made.1')!.events).toEqual([example, { ...example, width: 3 }]);
    expect(findings([published], readGolden(folder)).join()).toContain('width is gone');
  });
});
