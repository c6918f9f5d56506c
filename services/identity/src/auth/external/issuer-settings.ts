import { plainToInstance, Type } from 'class-transformer';
import {
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsIn,
  IsNotIn,
  IsObject,
  IsString,
  IsUrl,
  Length,
  Matches,
  ValidateBy,
  ValidateNested,
  validateSync,
  type ValidationError,
} from 'class-validator';
import { readFileSync } from 'node:fs';
import { Optional } from '#common/http/index';

/** Entries of a list at most. */
const issuerLimit = 20;
const url = { protocols: ['https', 'http'], require_protocol: true, require_tld: false };
const asymmetric = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ');

/** Which claims say what. */
class ClaimNames {
  @Optional()
  @Length(1, 100)
  email = 'email';

  /** Only an address that is verified by the issuer counts; `true` or `"true"`. */
  @Optional()
  @Length(1, 100)
  email_verified = 'email_verified';

  @Optional()
  @Length(1, 100)
  name = 'name';

  @Optional()
  @Length(1, 100)
  picture = 'picture';
}

/** Somebody outside who says who a user is. */
export abstract class IssuerSettings {
  /** Name as in `provider`; stands in the database with every identity, so it stays. */
  @Matches(/^[a-z][a-z\d_-]{0,39}$/, { message: 'name must be 1 to 40 characters of a-z, 0-9, - and _' })
  @IsNotIn(['email', 'phone'])
  name!: string;

  /** Claim `iss`, exactly. */
  @IsUrl(url)
  issuer!: string;

  /** Algorithms of signatures; by default RS256 and ES256, never one with a shared secret. */
  @Optional()
  @IsArray()
  @ArrayNotEmpty()
  @IsIn(asymmetric, { each: true })
  algorithms: string[] = ['RS256', 'ES256'];

  @Optional()
  @IsObject()
  @ValidateNested()
  @Type(() => ClaimNames)
  claims = new ClaimNames();

  /** Claims that a token must have, with exactly these values: a domain, a role. */
  @Optional()
  @IsObject()
  required_claims: Readonly<Record<string, unknown>> = {};

  /** Signs in to an account that has the same address, when the issuer has verified it; else the user has to link it. */
  @Optional()
  @IsBoolean()
  link_by_verified_email = false;

  /** Values of the claim `aud` that are meant for us. */
  abstract get audiences(): readonly string[];
}

/** An issuer whose tokens are exchanged for a session. */
export class TrustedIssuerSettings extends IssuerSettings {
  @IsString()
  @Length(1, 500)
  audience!: string;

  /** Where its keys are; by default its discovery document says so. */
  @Optional()
  @IsUrl(url)
  jwks_uri?: string;

  /** The subject is the user's id here: the Supabase project from which the users were imported. */
  @Optional()
  @IsBoolean()
  keep_user_ids = false;

  get audiences(): readonly string[] {
    return [this.audience];
  }
}

/** An OpenID Connect provider at which users sign in. */
export class OidcProviderSettings extends IssuerSettings {
  @IsString()
  @Length(1, 500)
  client_id!: string;

  /** Absent for a public client. */
  @Optional()
  @IsString()
  @Length(1, 1000)
  client_secret?: string;

  @Optional()
  @Matches(/^openid( [\w:/.-]+)*$/, { message: 'scopes must begin with openid' })
  scopes = 'openid email profile';

  get audiences(): readonly string[] {
    return [this.client_id];
  }
}

type Settings = new () => IssuerSettings;

/** The entries of a setting: a JSON array, or the path of a file that holds one. Raises an error that tells no value. */
export function readIssuers<S extends IssuerSettings>(text: string, type: new () => S): S[] {
  if (text === '') return [];
  const given: unknown = JSON.parse(text.trimStart().startsWith('[') ? text : readFileSync(text, 'utf8'));
  if (!Array.isArray(given)) throw new Error('is no array');
  return given.map((entry) => plainToInstance(type, entry));
}

/** What is wrong with the entries, field by field; empty when nothing is. */
function faultsOf(text: string, type: Settings, isProduction: boolean): string[] {
  let entries: IssuerSettings[];
  try {
    entries = readIssuers(text, type);
  } catch {
    return [' must be a JSON array, or the path of a file that holds one'];
  }
  if (entries.length > issuerLimit) return [` may have ${issuerLimit} entries at most`];
  const names = entries.map((entry) => entry?.name);
  return entries.flatMap((entry, index) => {
    if (!(entry instanceof type)) return [`[${index}] must be an object`];
    const options = { whitelist: true, forbidNonWhitelisted: true, validationError: { target: false, value: false } };
    const faults = flat(validateSync(entry, options));
    if (names.indexOf(entry.name) < index) faults.push('name must be another one');
    if (isProduction) faults.push(...insecure(entry));
    return faults.map((fault) => `[${index}].${fault}`);
  });
}

const flat = (errors: readonly ValidationError[], prefix = ''): string[] =>
  errors.flatMap(({ property, constraints, children }) => [
    ...Object.values(constraints ?? {}).map((reason) => `${prefix}${property}: ${reason}`),
    ...flat(children ?? [], `${prefix}${property}.`),
  ]);

const insecure = (entry: object): string[] =>
  ['issuer', 'jwks_uri']
    .filter((field) => String((entry as Record<string, unknown>)[field]).startsWith('http:'))
    .map((field) => `${field}: must be https when NODE_ENV is production`);

/** A list of issuers; what is wrong is told with the names of the fields, never with a value. */
export const IssuerList = (type: Settings): PropertyDecorator =>
  ValidateBy({
    name: 'issuerList',
    validator: {
      validate: (value, args) => typeof value === 'string' && faults(value, args!.object, type).length === 0,
      defaultMessage: (args) =>
        faults(args!.value as string, args!.object, type)
          .map((fault) => `${args!.property}${fault}`)
          .join(', '),
    },
  });

const faults = (value: string, config: object, type: Settings): string[] =>
  faultsOf(value, type, (config as { NODE_ENV?: unknown }).NODE_ENV === 'production');
