import { getMetadataStorage, type ValidationArguments, ValidationTypes } from 'class-validator';

type Metadata = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];

type Check = (value: unknown, object: object) => boolean;

interface Property {
  readonly name: string;
  /** All must hold, or nothing else is asked of the property. */
  readonly conditions: readonly Check[];
  readonly checks: readonly Check[];
}

/** Null for a class whose rules only class-validator itself can follow. */
type Rules = { readonly properties: readonly Property[]; readonly names: ReadonlySet<string> } | null;

const known = new WeakMap<object, Rules>();

/**
 * True when class-validator, with unknown fields forbidden, would find nothing wrong with the instance. It asks the same
 * rules, gathered once for each class; class-validator gathers them anew for every object, and prepares an error for every
 * field, which takes five times as long. False says nothing yet: then class-validator decides, and words the errors.
 */
export function isAccepted(instance: object): boolean {
  const rules = rulesOf(instance.constructor);
  if (rules === null) return false;
  for (const name of Object.keys(instance)) if (!rules.names.has(name)) return false;
  return rules.properties.every(({ name, conditions, checks }) => {
    const value = (instance as Record<string, unknown>)[name];
    return !conditions.every((holds) => holds(value, instance)) || checks.every((holds) => holds(value, instance));
  });
}

function rulesOf(type: object): Rules {
  let rules = known.get(type);
  if (rules === undefined) known.set(type, (rules = gather(type)));
  return rules;
}

function gather(type: object): Rules {
  const storage = getMetadataStorage();
  const metadatas = storage.getTargetValidationMetadatas(type as () => void, '', false, false);
  if (metadatas.length === 0 || metadatas.some((metadata) => !isFollowed(metadata))) return null;
  const byName = Object.entries(storage.groupByPropertyName(metadatas));
  const properties = byName.map(([name, rules]) => {
    const conditional = rules.filter((rule) => rule.type === ValidationTypes.CONDITIONAL_VALIDATION);
    return {
      name,
      conditions: conditional.map(
        (rule): Check =>
          (value, object) =>
            Boolean(rule.constraints[0](object, value)),
      ),
      checks: rules.filter((rule) => !conditional.includes(rule)).flatMap(checksOf),
    };
  });
  return { properties, names: new Set(byName.map(([name]) => name)) };
}

const followed: ReadonlySet<string> = new Set([
  ValidationTypes.CONDITIONAL_VALIDATION,
  ValidationTypes.CUSTOM_VALIDATION,
  ValidationTypes.IS_DEFINED,
  ValidationTypes.NESTED_VALIDATION,
]);

const isFollowed = ({ type, validateIf }: Metadata): boolean => followed.has(type) && validateIf === undefined;

function checksOf(rule: Metadata): Check[] {
  if (rule.type === ValidationTypes.NESTED_VALIDATION) return [isNestedAccepted];
  return getMetadataStorage()
    .getTargetValidatorConstraints(rule.constraintCls)
    .map(({ instance }): Check => {
      const holds = (value: unknown, args: ValidationArguments): boolean => instance.validate(value, args) === true;
      return (value, object) => {
        const { propertyName: property, constraints } = rule;
        const args = { targetName: object.constructor.name, property, object, value, constraints };
        return rule.each && Array.isArray(value) ? value.every((one) => holds(one, args)) : holds(value, args);
      };
    });
}

function isNestedAccepted(value: unknown): boolean {
  if (value === undefined) return true;
  if (Array.isArray(value)) return value.every(isNestedAccepted);
  return value instanceof Object && isAccepted(value);
}
